local make(n) = { n: n, me:: self, up:: { down:: self, of: $.n }, v: self.me.up.of }; std.foldl(function(s, n) s + make(n).v, std.range(1, 20000), 0)
