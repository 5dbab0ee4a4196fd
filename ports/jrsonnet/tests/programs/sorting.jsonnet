{ a: std.sort([3, 1, 2]), b: std.sort([{ n: 3 }, { n: 1 }], function(x) x.n), c: std.uniq([1, 1, 2, 2, 3]), d: std.set(['b', 'a', 'b']), e: std.setUnion([1, 3], [2, 3]), f: std.reverse([1, 2, 3]) }
