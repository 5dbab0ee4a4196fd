// Errors and references as std::format prints them; ends with "no format" where there is none.
#include <rcgc.hpp>

#include "check.hpp"

#if defined(__cpp_lib_format)
#include <format>

struct Node {
  rcgc::ref<Node> next;
};
RCGC_FIELDS(Node, next)

int main() {
  rcgc::heap heap;
  auto node = heap.make<Node>();
  rcgc::error error(RC_ERR_LIMIT, "too many");
  CHECK(std::format("{}", error) == "RC_ERR_LIMIT: too many");
  CHECK(std::format("{}", node) == std::format("Node {}", static_cast<const void *>(node.get())));
  CHECK(std::format("{:>6}", node->next) == "  null");
  CHECK(std::format("{}", rcgc::borrowed<Node>(node)) == std::format("{}", node));
  std::puts(failures ? "failed" : "formatted");
  return failures != 0;
}
#else
int main() {
  std::puts("no format");
}
#endif
