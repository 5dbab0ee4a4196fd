local f(a, b=a * 2, c=b + a) = [a, b, c]; [f(1), f(1, 5), f(1, c=0), f(b=3, a=2)]
