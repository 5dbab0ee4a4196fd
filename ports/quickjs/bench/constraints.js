// Constraints between variables, both ways, in Sets: chains are built, values run through them, chains are dropped.
class Variable { constructor(value) { this.value = value; this.constraints = new Set(); this.by = null; this.mark = 0; } }
class Constraint {
  constructor(from, to, scale, offset) {
    this.from = from; this.to = to; this.scale = scale; this.offset = offset;
    from.constraints.add(this); to.constraints.add(this); to.by = this;
  }
  run() { this.to.value = this.from.value * this.scale + this.offset; }
}
let mark = 0;
function plan(start) {
  const steps = [], todo = [start];
  mark++;
  while (todo.length) {
    const variable = todo.pop();
    for (const constraint of variable.constraints) {
      if (constraint.from !== variable || constraint.to.mark === mark) continue;
      constraint.to.mark = mark;
      steps.push(constraint); todo.push(constraint.to);
    }
  }
  return steps;
}
let sum = 0;
for (let round = 0; round < 400; round++) {
  const variables = [new Variable(1)];
  for (let i = 1; i <= 200; i++) {
    variables.push(new Variable(0));
    new Constraint(variables[i - 1], variables[i], 1, 1);
    if (i > 10) new Constraint(variables[i - 10], variables[i], 1, 10);
  }
  for (let i = 0; i < 3; i++) {
    variables[0].value = i;
    for (const constraint of plan(variables[0])) constraint.run();
    sum += variables[200].value;
  }
}
print(sum);
