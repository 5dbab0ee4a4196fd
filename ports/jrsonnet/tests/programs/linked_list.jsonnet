local cons(h, t) = { h: h, t:: t }, build(n) = std.foldl(function(l, i) cons(i, l), std.range(1, n), null), walk(l, s) = if l == null then s else walk(l.t, s + l.h) tailstrict; walk(build(150), 0)
