// Uses the module of module.cppm.
#include <string>
#include <vector>
import people;

int main() {
  heap heap;
  ref<Person> eve = born(heap, "Eve", nullptr), ada = born(heap, "Ada", eve);
  ref<Person> other = heap.make<Person>();
  other->friend_of = other;
  eve = nullptr, ada = nullptr, other = nullptr;
  return heap.collect() == 3 && heap.end() == 0 ? 0 : 1;
}
