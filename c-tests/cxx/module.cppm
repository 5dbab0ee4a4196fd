// The interface of a C++20 module that uses and exports what rcgc.hpp gives.
module;
#include <rcgc.hpp>

#include <string>
#include <vector>

export module people;

export struct Person {
  std::string name;
  rcgc::ref<Person> friend_of;
  std::vector<rcgc::ref<Person>> children;
};
export RCGC_FIELDS(Person, friend_of, children)

export rcgc::ref<Person> born(rcgc::heap_view heap, std::string name, const rcgc::ref<Person> &parent) {
  auto made = heap.make<Person>(std::move(name), parent);
  if (parent) parent->children.push_back(made);
  return made;
}

export using rcgc::heap;
export using rcgc::ref;
