local base = { x: 1, y: self.x * 2, z: { w: $.y } }; base { x: 5 } + { x+: 1 }
