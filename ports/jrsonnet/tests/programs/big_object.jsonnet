local o = { ['k' + i]: i for i in std.range(0, 5000) }; { length: std.length(o), sum: std.foldl(function(s, k) s + o[k], std.objectFields(o), 0), has: std.objectHas(o, 'k77') }
