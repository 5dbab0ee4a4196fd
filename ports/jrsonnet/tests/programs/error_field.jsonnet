local o = { alpha: 1, beta: 2 }; o.alhpa
