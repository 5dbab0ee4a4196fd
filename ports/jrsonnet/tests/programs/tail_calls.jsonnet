local loop(n, s) = if n == 0 then s else loop(n - 1, s + n) tailstrict; loop(180, 0)
