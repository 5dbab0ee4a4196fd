//! From text to an expression. Operators wait on a stack until what binds looser comes, so depth costs
//! memory only.

use super::{Compare, Query, Step, NUMBERS, STATES, TEXTS};

/// What is wrong with an expression, and at which character, counted from 1.
#[derive(Debug, PartialEq)]
pub struct Wrong {
    pub column: usize,
    pub what: String,
}

impl std::fmt::Display for Wrong {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "column {}: {}", self.column, self.what)
    }
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    /// A name, a number, or a text without quotes.
    Word(String),
    /// In quotes.
    Quoted(String),
    Symbol(&'static str),
}

const SYMBOLS: [&str; 13] = ["!=", "!~", "<=", ">=", "&&", "||", "=", "<", ">", "~", "(", ")", "!"];

fn tokens(text: &str) -> Result<Vec<(usize, Token)>, Wrong> {
    let letters: Vec<char> = text.chars().collect();
    let mut all = Vec::new();
    let mut at = 0;
    while at < letters.len() {
        let column = at + 1;
        let letter = letters[at];
        if letter.is_whitespace() {
            at += 1;
        } else if letter == '"' || letter == '\'' {
            let end = letters[at + 1..].iter().position(|&other| other == letter);
            let Some(len) = end else { return Err(wrong(column, "the quote does not end")) };
            all.push((column, Token::Quoted(letters[at + 1..at + 1 + len].iter().collect())));
            at += len + 2;
        } else if let Some(symbol) = symbol_at(&letters[at..]) {
            all.push((column, Token::Symbol(symbol)));
            at += symbol.len();
        } else {
            let rest = &letters[at..];
            let ends = |from: usize| rest[from].is_whitespace() || symbol_at(&rest[from..]).is_some();
            let len = (0..rest.len()).find(|&from| ends(from)).unwrap_or(rest.len());
            all.push((column, Token::Word(rest[..len].iter().collect())));
            at += len;
        }
    }
    Ok(all)
}

fn symbol_at(letters: &[char]) -> Option<&'static str> {
    SYMBOLS
        .into_iter()
        .find(|symbol| symbol.chars().zip(0..).all(|(letter, at)| letters.get(at) == Some(&letter)))
}

fn wrong(column: usize, what: impl Into<String>) -> Wrong {
    Wrong { column, what: what.into() }
}

/// What waits on the stack.
#[derive(Clone, Copy, PartialEq)]
enum Waiting {
    Open(usize),
    Or,
    And,
    Not,
}

/// How tightly an operator binds.
fn strength(of: Waiting) -> u8 {
    match of {
        Waiting::Open(_) => 0,
        Waiting::Or => 1,
        Waiting::And => 2,
        Waiting::Not => 3,
    }
}

struct Parser {
    tokens: Vec<(usize, Token)>,
    at: usize,
    end: usize,
    waiting: Vec<Waiting>,
    steps: Vec<Step>,
}

/// Reads an expression.
pub fn parse(text: &str) -> Result<Query, Wrong> {
    let tokens = tokens(text)?;
    let end = text.chars().count() + 1;
    let mut parser = Parser { tokens, at: 0, end, waiting: Vec::new(), steps: Vec::new() };
    parser.all()?;
    Ok(Query { steps: parser.steps })
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(_, token)| token)
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |&(column, _)| column)
    }

    /// Takes the next token if it is this word or symbol.
    fn takes(&mut self, word: &str, symbol: &str) -> bool {
        let is_it = match self.peek() {
            Some(Token::Word(text)) => text.eq_ignore_ascii_case(word),
            Some(Token::Symbol(text)) => *text == symbol,
            _ => false,
        };
        self.at += usize::from(is_it);
        is_it
    }

    fn all(&mut self) -> Result<(), Wrong> {
        loop {
            self.operand()?;
            while self.takes("", ")") {
                self.settle(0);
                if self.waiting.pop().is_none() {
                    return Err(wrong(self.tokens[self.at - 1].0, "no parenthesis is open"));
                }
            }
            let operator = if self.peek().is_none() {
                break;
            } else if self.takes("and", "&&") {
                Waiting::And
            } else if self.takes("or", "||") {
                Waiting::Or
            } else {
                return Err(wrong(self.column(), "`and` or `or` must be here"));
            };
            self.settle(strength(operator) - 1);
            self.waiting.push(operator);
        }
        self.settle(0);
        match self.waiting.pop() {
            Some(Waiting::Open(column)) => Err(wrong(column, "the parenthesis is not closed")),
            _ => Ok(()),
        }
    }

    /// Puts out all operators that bind tighter than this.
    fn settle(&mut self, least: u8) {
        while let Some(&top) = self.waiting.last().filter(|&&top| strength(top) > least) {
            self.waiting.pop();
            self.steps.push(match top {
                Waiting::Or => Step::Or,
                Waiting::And => Step::And,
                _ => Step::Not,
            });
        }
    }

    /// Parentheses and negations, then one comparison.
    fn operand(&mut self) -> Result<(), Wrong> {
        loop {
            let column = self.column();
            if self.takes("", "(") {
                self.waiting.push(Waiting::Open(column));
            } else if self.takes("not", "!") {
                self.waiting.push(Waiting::Not);
            } else {
                break;
            }
        }
        let column = self.column();
        let Some(Token::Word(name)) = self.peek().cloned() else {
            return Err(wrong(column, "a name must be here: what is asked of an object"));
        };
        self.at += 1;
        let lower = name.to_lowercase();
        if let Some(&(_, state)) = STATES.iter().find(|(known, _)| *known == lower) {
            self.steps.push(Step::Is(state));
        } else if let Some(&(_, number)) = NUMBERS.iter().find(|(known, _)| *known == lower) {
            let compare = self.compare(&lower)?;
            let column = self.column();
            let value = match self.peek() {
                Some(Token::Word(text)) => number_of(text, lower == "age"),
                _ => None,
            };
            let Some(value) = value else {
                let unit = if lower == "age" { ", with ns, us, ms, s, m or h" } else { "" };
                return Err(wrong(column, format!("a number must be here{unit}")));
            };
            self.at += 1;
            self.steps.push(Step::Number(number, compare, value));
        } else if let Some(&(_, text)) = TEXTS.iter().find(|(known, _)| *known == lower) {
            self.text(text)?;
        } else {
            let known: Vec<&str> = NUMBERS
                .iter()
                .map(|of| of.0)
                .chain(TEXTS.iter().map(|of| of.0))
                .chain(STATES.iter().map(|of| of.0))
                .collect();
            return Err(wrong(column, format!("`{name}` is not known; known are {}", known.join(", "))));
        }
        Ok(())
    }

    fn compare(&mut self, name: &str) -> Result<Compare, Wrong> {
        let found = match self.peek() {
            Some(Token::Symbol("=")) => Compare::Equal,
            Some(Token::Symbol("!=")) => Compare::NotEqual,
            Some(Token::Symbol("<")) => Compare::Less,
            Some(Token::Symbol("<=")) => Compare::LessOrEqual,
            Some(Token::Symbol(">")) => Compare::Greater,
            Some(Token::Symbol(">=")) => Compare::GreaterOrEqual,
            _ => return Err(wrong(self.column(), format!("after `{name}` one of = != < <= > >= must be"))),
        };
        self.at += 1;
        Ok(found)
    }

    fn text(&mut self, text: super::Text) -> Result<(), Wrong> {
        let (is_pattern, negated) = match self.peek() {
            Some(Token::Symbol("=")) => (false, false),
            Some(Token::Symbol("!=")) => (false, true),
            Some(Token::Symbol("~")) => (true, false),
            Some(Token::Symbol("!~")) => (true, true),
            _ => return Err(wrong(self.column(), "after a text one of = != ~ !~ must be")),
        };
        self.at += 1;
        let column = self.column();
        let Some(Token::Word(value) | Token::Quoted(value)) = self.peek().cloned() else {
            return Err(wrong(column, "a text must be here"));
        };
        self.at += 1;
        self.steps.push(Step::Text { text, value, is_pattern, negated });
        Ok(())
    }
}

/// "10", "-1", "4K", "1.5M", of ages "10s".
fn number_of(text: &str, is_age: bool) -> Option<i128> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = &text[digits.len()..];
    let factor = match (is_age, unit.to_lowercase().as_str()) {
        (true, "ns") => 1.0,
        (true, "us") => 1e3,
        (true, "ms") => 1e6,
        (true, "s") => 1e9,
        (true, "m" | "min") => 60e9,
        (true, "h") => 3600e9,
        (true, _) => return None,
        (false, "" | "b") => 1.0,
        (false, "k" | "kib") => 1024.0,
        (false, "m" | "mib") => 1024.0 * 1024.0,
        (false, "g" | "gib") => 1024.0 * 1024.0 * 1024.0,
        (false, _) => return None,
    };
    let plain = digits.replace(['_', ','], "");
    if factor == 1.0 {
        return plain.parse().ok();
    }
    let value: f64 = plain.parse().ok()?;
    value.is_finite().then_some((value * factor) as i128)
}

/// A number with a unit, as in an expression.
pub fn number_with_unit(text: &str, is_time: bool) -> Option<i128> {
    number_of(text, is_time)
}

#[cfg(test)]
mod tests {
    use super::super::{Is, Number, Text};
    use super::*;

    fn steps(text: &str) -> Vec<Step> {
        parse(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}")).steps
    }

    #[test]
    fn operators_bind_as_everywhere() {
        let [a, b, c] =
            [Step::Is(Is::Held), Step::Is(Is::Garbage), Step::Number(Number::Size, Compare::Greater, 10)];
        assert_eq!(
            steps("held or garbage and size>10"),
            [a.clone(), b.clone(), c.clone(), Step::And, Step::Or]
        );
        assert_eq!(
            steps("(held or garbage) and size > 10"),
            [a.clone(), b.clone(), Step::Or, c.clone(), Step::And]
        );
        assert_eq!(steps("not held and !garbage"), [a.clone(), Step::Not, b.clone(), Step::Not, Step::And]);
        assert_eq!(steps("not (held || garbage)"), [a.clone(), b.clone(), Step::Or, Step::Not]);
        assert_eq!(steps("held and garbage and held"), [a.clone(), b, Step::And, a, Step::And]);
    }

    #[test]
    fn numbers_have_units() {
        let value = |text: &str| match steps(text)[..] {
            [Step::Number(_, _, value)] => value,
            _ => panic!("{text}"),
        };
        assert_eq!(value("retained>=1.5M"), 1_572_864);
        assert_eq!(value("size=1_000"), 1000);
        assert_eq!(value("outside<-1"), -1);
        assert_eq!(value("age>10s"), 10_000_000_000);
        assert_eq!(value("age<1.5ms"), 1_500_000);
    }

    #[test]
    fn texts_may_be_quoted() {
        let text = |value: &str, is_pattern, negated| {
            [Step::Text { text: Text::Type, value: value.to_owned(), is_pattern, negated }]
        };
        assert_eq!(steps("type=Node"), text("Node", false, false));
        assert_eq!(steps("type ~ \"a b*\""), text("a b*", true, false));
        assert_eq!(steps("type!~'x'"), text("x", true, true));
        assert_eq!(steps("TYPE = std::pair"), text("std::pair", false, false));
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, column, words) in [
            ("", 1, "a name must be here"),
            ("size", 5, "= != <"),
            ("size>", 6, "a number"),
            ("size>abc", 6, "a number"),
            ("age>10", 5, "ms"),
            ("held garbage", 6, "`and` or `or`"),
            ("(held", 1, "not closed"),
            ("held)", 5, "no parenthesis"),
            ("type=\"x", 6, "quote"),
            ("colour=red", 1, "`colour` is not known"),
            ("held and", 9, "a name"),
            ("type>3", 5, "~"),
        ] {
            let wrong = parse(text).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert_eq!(wrong.column, column, "{text}: {wrong}");
            assert!(wrong.what.contains(words), "{text}: {wrong}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = 200_000;
        let text = format!("{}held{}", "(".repeat(deep), ")".repeat(deep));
        assert_eq!(steps(&text).len(), 1);
        assert_eq!(steps(&format!("{} held", "not ".repeat(deep))).len(), deep + 1);
    }
}
