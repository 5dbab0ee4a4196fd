local a = 1; a + nothing
