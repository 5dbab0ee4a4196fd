local a = [(i * 7919) % 10007 for i in std.range(1, 3000)]; local s = std.sort(a, function(x) [x % 10, x]); { first: s[0:5], last: s[2995:], same: std.length(std.set(a)) }
