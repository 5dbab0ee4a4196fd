{
  local shape = { name: error 'no name', area: error 'no area', who: self.name + ': ' + self.area },
  circle(r): shape { name: 'circle', area: std.round(r * r * 314) / 100 },
  square: shape { name: 'square', side:: 1, area: self.side * self.side },
  all: [self.circle(1), self.square, self.square { side: 4, name: 'large ' + super.name }],
}
