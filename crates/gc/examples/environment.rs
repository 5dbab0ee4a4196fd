//! The environments of an interpreter: a closure holds the scope it was made in, and the scope holds the closure, a ring for
//! every `let` of a function.

use rcgc_gc::{Gc, Heap, Policy, Trace};
use std::cell::RefCell;
use std::collections::HashMap;

#[derive(Trace, Clone)]
enum Value {
    Number(f64),
    Closure(Gc<Closure>),
}

#[derive(Trace)]
struct Closure {
    parameter: &'static str,
    body: Expression,
    scope: Gc<Scope>,
}

#[derive(Trace, Default)]
struct Scope {
    names: RefCell<HashMap<&'static str, Value>>,
    outer: Option<Gc<Scope>>,
}

/// What the language has: the expressions themselves hold no values.
#[derive(Trace, Clone, Copy)]
enum Expression {
    Number(f64),
    Name(&'static str),
    Add(&'static [Expression; 2]),
    Less(&'static [Expression; 4]),
    Function(&'static str, &'static [Expression; 1]),
    Call(&'static str, &'static [Expression; 1]),
    Let(&'static str, &'static [Expression; 2]),
}

impl rcgc_gc::Acyclic for Expression {}

fn look_up(scope: &Gc<Scope>, name: &str) -> Value {
    let mut scope = scope.clone();
    loop {
        if let Some(value) = scope.names.borrow().get(name) {
            return value.clone();
        }
        let outer = scope.outer.clone().unwrap_or_else(|| panic!("{name} is not known"));
        scope = outer;
    }
}

fn number(value: Value) -> f64 {
    match value {
        Value::Number(number) => number,
        Value::Closure(closure) => panic!("a function of {} is no number", closure.parameter),
    }
}

fn evaluate(expression: &Expression, scope: &Gc<Scope>) -> Value {
    match *expression {
        Expression::Number(number) => Value::Number(number),
        Expression::Name(name) => look_up(scope, name),
        Expression::Add([a, b]) => Value::Number(number(evaluate(a, scope)) + number(evaluate(b, scope))),
        Expression::Less([a, b, then, otherwise]) => {
            let less = number(evaluate(a, scope)) < number(evaluate(b, scope));
            evaluate(if less { then } else { otherwise }, scope)
        }
        Expression::Function(parameter, [body]) => {
            Value::Closure(Gc::new(Closure { parameter, body: *body, scope: scope.clone() }))
        }
        Expression::Call(name, [argument]) => {
            let Value::Closure(closure) = look_up(scope, name) else { panic!("{name} is no function") };
            let inner = Gc::new(Scope { names: RefCell::default(), outer: Some(closure.scope.clone()) });
            let argument = evaluate(argument, scope);
            inner.names.borrow_mut().insert(closure.parameter, argument);
            evaluate(&closure.body, &inner)
        }
        Expression::Let(name, [value, body]) => {
            let inner = Gc::new(Scope { names: RefCell::default(), outer: Some(scope.clone()) });
            let value = evaluate(value, &inner);
            inner.names.borrow_mut().insert(name, value);
            evaluate(body, &inner)
        }
    }
}

/// let sum = fn n: if n < 1 then 0 else n + sum(n + -1) in sum(100)
const PROGRAM: Expression = {
    use Expression::*;
    Let(
        "sum",
        &[
            Function(
                "n",
                &[Less(&[
                    Name("n"),
                    Number(1.0),
                    Number(0.0),
                    Add(&[Name("n"), Call("sum", &[Add(&[Name("n"), Number(-1.0)])])]),
                ])],
            ),
            Call("sum", &[Number(100.0)]),
        ],
    )
};

fn main() {
    let heap = Heap::thread_default();
    heap.set_policy(&Policy { full_min_bytes: 256 << 10, ..Policy::default() });
    let global = Gc::new(Scope::default());
    for _ in 0..1000 {
        assert_eq!(number(evaluate(&PROGRAM, &global)), 5050.0);
    }
    let stats = heap.stats();
    println!(
        "{} values made, {} of them ended in rings, by themselves",
        stats.allocated_objects, stats.reclaimed_objects
    );
    println!("at the end {} were found and 1 is left: {}", heap.collect(), heap.stats().live_objects == 1);
}
