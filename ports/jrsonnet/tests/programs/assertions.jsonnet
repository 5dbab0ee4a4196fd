{ n: 4, assert self.n > 3 : 'n is too small', assert self.n % 2 == 0, m: self.n }
