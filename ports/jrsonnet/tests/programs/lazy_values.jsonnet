local bad = error 'never asked for'; { a: [1, 2, bad][1], b: (function(x, y) x)(1, bad), c: std.length([bad, bad]), d: if true then 1 else bad }
