// rcgc.hpp: rcgc at home in C++17 and later. Header only; over the C headers, which it includes.
//
//   struct Person {
//     std::string name;
//     rcgc::ref<Person> friend_of;
//     std::vector<rcgc::ref<Person>> children;
//   };
//   RCGC_FIELDS(Person, friend_of, children)        // after the struct, in its namespace: what may hold references
//
//   rcgc::heap heap;
//   rcgc::ref<Person> ada = heap.make<Person>();    // or rcgc::make<Person>(), in the default heap
//   ada->friend_of = ada;                           // a ring
//   ada = nullptr;
//   heap.collect();                                 // 1
//
// WHAT IT IS
//
//   | ref<T>        | an owned reference or null, one pointer wide; counts as the C functions do                    |
//   | borrowed<T>   | a pointer that owns nothing: for parameters, and what walks give                             |
//   | weak<T>       | a weak handle; `lock` gives a ref, null when the object has died                              |
//   | weak_map<K,V> | an ephemeron map, itself a reference to an object of its heap                                |
//   | scope         | holds references until the end of a block                                                   |
//   | heap          | owns a heap, ends it; makes objects, collects, walks                                         |
//   | counted_class | classes with an intrusive count of their own, in rings (rcgc/cpp/foreign.hpp)               |
//   | type<T>       | a T of one heap: what makes objects in as many instructions as C                              |
//
// A STRUCT AND ITS MEMBERS
//
//   Members of type ref, weak and weak_map, and fixed arrays of them, become declared fields, which the engine itself looks at.
//   Whatever else may hold references (containers, optional, variant, tuple, pair, unique_ptr, structs that have
//   RCGC_FIELDS of their own) is looked at by a generated `traverse` and emptied by a generated `clear`; such an object is
//   tracked as soon as its constructor is over. Members without references are not named. For an aggregate it is a
//   compile-time error to forget one of the references that are its direct members.
//
// THE END OF AN OBJECT
//
//   As in C (src/life/lifetime.md): the destructor runs in step 6, when the references in the named members are null. It must not
//   throw. A member function `void rcgc_finalize() noexcept` runs in step 1, with all of them intact.
//   A destructor that would do nothing is not run, which is faster: of a trivially destructible struct; in C++20 of an aggregate
//   whose members are references and trivial ones; with RCGC_FIELDS_ONLY, which promises it, of any struct.
//
// INHERITANCE
//
//   ref<Base> from ref<Derived> where Base lies at the beginning of Derived, since an object is its address. A base that is
//   virtual or lies elsewhere is refused at compile time. RCGC_DERIVED_FIELDS(Derived, Base, members...) adds to Base's fields.
//
// FAILURE
//
//   Out of memory in `make` throws std::bad_alloc, other failures rcgc::error; `try_make` gives null instead. Compiled without
//   exceptions, what would be thrown is said on standard error and aborts. A constructor that throws leaves nothing behind;
//   what it has stored elsewhere of itself by then is fatal.
//
// A heap is serialised by its host, as in C: references of one heap are counted by one thread at a time.
#ifndef RCGC_HPP
#define RCGC_HPP

#include <rcgc/core.h>
#include <rcgc/tools.h>

#include <rcgc/cpp/ref.hpp>
// What follows is built on it, in this order.
#include <rcgc/cpp/weak.hpp>

#include <rcgc/cpp/trace.hpp>

#include <rcgc/cpp/fields.hpp>

#include <rcgc/cpp/types.hpp>

#include <rcgc/cpp/heap.hpp>

#include <rcgc/cpp/foreign.hpp>

#include <rcgc/cpp/format.hpp>

#endif // RCGC_HPP
