local f(a, b) = a + b; f(1, c=2)
