// Knows the library through the module alone.
import host;

int main() {
  auto *type = type_of_nodes(nullptr);
  if (!type || in_scopes(nullptr)) return 1;
  Held<Node> node(static_cast<Node *>(made(type)));
  if (!node.get()) return 1;
  Held<Node> same = node;
  rc_incref(same.get());
  rc_decref(rc_newref(same.get()));
  rc_decref(same.get());
  return same->next != nullptr;
}
