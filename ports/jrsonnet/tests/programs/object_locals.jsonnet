{ local me = self, local twice(x) = x * 2, a: 2, b: twice(me.a), c: { local inner = self, d: inner.e, e: me.b } }
