// A graph of places and roads that changes: containers of references, derived classes, weak handles, a walk over the heap.
#include <rcgc.hpp>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

namespace {

struct Place;

// Part of a Place, with a reference of its own.
struct Road {
  rcgc::ref<Place> to;
  int km;
};
RCGC_FIELDS(Road, to)

struct Place {
  explicit Place(std::string called) : name(std::move(called)) {}
  virtual ~Place() = default;
  virtual const char *kind() const { return "village"; }
  std::string name;
  std::vector<Road> roads;
};
RCGC_FIELDS(Place, roads)

struct Town : Place {
  using Place::Place;
  const char *kind() const override { return "town"; }
  std::map<std::string, rcgc::ref<Place>> sights;
};
RCGC_DERIVED_FIELDS(Town, Place, sights)

void join(rcgc::borrowed<Place> one, rcgc::borrowed<Place> other, int km) {
  one->roads.push_back({other.own(), km});
  other->roads.push_back({one.own(), km});
}

} // namespace

int main() {
  rcgc::heap heap("places");
  auto harbour = heap.make<Town>("Harbour");
  rcgc::ref<Place> mill = heap.make<Place>("Mill"), hill = heap.make<Place>("Hill");
  join(harbour, mill, 3), join(mill, hill, 2), join(hill, harbour, 4);
  harbour->sights["wheel"] = mill;
  for (const Road &road : harbour->roads)
    std::printf("%s to the %s %s: %d km\n", harbour->name.c_str(), road.to->kind(), road.to->name.c_str(), road.km);

  rcgc::weak<Place> seen = hill;
  mill = nullptr, hill = nullptr; // the harbour keeps them
  heap.collect();
  std::printf("%s is still there\n", seen.lock()->name.c_str());

  harbour = nullptr; // everything keeps everything else
  std::printf("the collector ended %zu places\n", heap.collect());
  std::printf("the hill is %s\n", seen.expired() ? "gone" : "there");
  for (auto object : heap.objects()) std::printf("left: %p\n", object.get());
}
