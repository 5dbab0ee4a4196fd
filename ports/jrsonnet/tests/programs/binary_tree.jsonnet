local tree(d) = if d == 0 then null else { l: tree(d - 1), v: d, r: tree(d - 1) }, count(t) = if t == null then 0 else count(t.l) + 1 + count(t.r); count(tree(12))
