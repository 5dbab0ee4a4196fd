// Two people who keep each other, in C++: the ring is found when nobody else refers to them.
#include <rcgc.hpp>
#include <cstdio>

struct Person {
  const char *name;
  rcgc::ref<Person> friend_of; // owned; std::vector<rcgc::ref<Person>> and the like work as well
};
RCGC_FIELDS(Person, friend_of)

int main() {
  rcgc::heap heap;
  auto ada = heap.make<Person>("Ada"), bob = heap.make<Person>("Bob", ada);
  ada->friend_of = bob;
  ada = nullptr, bob = nullptr;
  std::printf("the collector ended %zu people\n", heap.collect());
}
