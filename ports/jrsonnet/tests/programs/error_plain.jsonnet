{ a: error 'this is ' + { b: 1 } }
