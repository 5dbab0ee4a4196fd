local nest(n) = if n == 0 then [] else [nest(n - 1), n]; nest(60)
