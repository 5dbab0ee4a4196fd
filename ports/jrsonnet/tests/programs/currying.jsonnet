local add(a) = function(b) function(c) a + b + c; [add(i)(i + 1)(i + 2) for i in std.range(1, 20)]
