local f(n) = if n == 0 then error 'at the bottom' else [f(n - 1)]; { a: { b: [1, f(5)] } }
