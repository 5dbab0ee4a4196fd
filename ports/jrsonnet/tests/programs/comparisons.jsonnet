[1 < 2, 'a' < 'b', [1, 2] < [1, 3], { a: 1 } == { a: 1 }, [1, [2]] == [1, [2]], null == false, !true || true && false, 'a' in { a: 1 }]
