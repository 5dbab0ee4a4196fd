{ a: 1, b: self.a + 1, c: { d: self.e, e: $.b + 10 }, f: $.c.d }
