local o = { a: self.b, b: self.c, c: self.a }; o.a
