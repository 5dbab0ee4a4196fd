/* A library that calls its host back, which allocates. FUNCTION: its name. */
void FUNCTION(void (*make)(void), int count);
void FUNCTION(void (*make)(void), int count) {
  for (int i = 0; i < count; i++) make();
}
