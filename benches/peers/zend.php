<?php
/* PHP: counts, and trial deletion of what was buffered when a count fell. W1 to W12 as workloads.h,
 * collecting.h and graph.h define them.
 *
 * All loops are bytecode, so what is built or released takes the interpreter's time, too; collections do not.
 * Random numbers are mt_rand's, since PHP has no multiplication that wraps; the plans of W12 are those of
 * all. W7 has half a million steps.
 */

const MILLION = 1000000;

final class Node {
    public ?Node $left = null;
    public ?Node $right = null;
    public function __construct(public int $value) {}
}

function fail(string $text): never {
    fwrite(STDERR, "bench: $text\n");
    exit(1);
}

function cannot(string $reason): never {
    fwrite(STDERR, "$reason\n");
    exit(77);
}

/* What a global variable holds at the end is forgotten, what a function's holds is released one by one. */
function end_with(array $kept): never {
    global $kept_to_the_end;
    $kept_to_the_end = $kept;
    exit(0);
}

function report(string $name, float $value, string $unit): void {
    printf("%s %.6e %s\n", $name, $value, $unit);
}

function report_each(string $name, int $start_ns, int $operations): void {
    report($name, (hrtime(true) - $start_ns) / $operations, 'ns');
}

function proc_bytes(string $label): float {
    if (!preg_match("/^$label:\s+(\d+) kB/m", file_get_contents('/proc/self/status'), $found)) {
        fail("no $label in /proc/self/status");
    }
    return $found[1] * 1024.0;
}

/* ---- W1, W10: trees ---- */

function tree_size(int $depth): int {
    return (1 << ($depth + 1)) - 1;
}

function bottom_up(int $depth): Node {
    if ($depth === 0) return new Node(0);
    $left = bottom_up($depth - 1);
    $right = bottom_up($depth - 1);
    $node = new Node($depth);
    $node->left = $left;
    $node->right = $right;
    return $node;
}

function populate(int $depth, Node $node): void {
    if ($depth === 0) return;
    $node->left = new Node($depth);
    $node->right = new Node($depth);
    populate($depth - 1, $node->left);
    populate($depth - 1, $node->right);
}

function top_down(int $depth): Node {
    $node = new Node(0);
    populate($depth, $node);
    return $node;
}

function check(Node $node): int {
    return $node->left === null ? 1 : 1 + check($node->left) + check($node->right);
}

function must_be_whole(Node $tree, int $depth): void {
    if (check($tree) !== tree_size($depth)) fail("a tree of depth $depth is not whole");
}

function report_program(int $start_ns): void {
    report_each('time', $start_ns, 1);
    report('peak', proc_bytes('VmHWM'), 'bytes');
}

function binary_trees(): void {
    $depth_min = 4;
    $depth_max = 18;
    $start_ns = hrtime(true);
    must_be_whole(bottom_up($depth_max + 1), $depth_max + 1);
    $long_lived = bottom_up($depth_max);
    for ($depth = $depth_min; $depth <= $depth_max; $depth += 2) {
        $trees = 1 << ($depth_max - $depth + $depth_min);
        for ($i = 0; $i < $trees; $i++) must_be_whole(bottom_up($depth), $depth);
    }
    must_be_whole($long_lived, $depth_max);
    $long_lived = null;
    report_program($start_ns);
}

function gcbench(): void {
    $stretch_depth = 18;
    $long_lived_depth = 16;
    $start_ns = hrtime(true);
    bottom_up($stretch_depth);
    $long_lived = top_down($long_lived_depth);
    $doubles = array_fill(0, 500000, 0.0);
    for ($i = 0; $i < 250000; $i++) $doubles[$i] = 1.0 / ($i + 1);
    for ($depth = 4; $depth <= $long_lived_depth; $depth += 2) {
        $trees = intdiv(2 * tree_size($stretch_depth), tree_size($depth));
        for ($i = 0; $i < $trees; $i++) top_down($depth);
        for ($i = 0; $i < $trees; $i++) bottom_up($depth);
    }
    if ($doubles[1000] !== 1.0 / 1001) fail('the array has lost a value');
    must_be_whole($long_lived, $long_lived_depth);
    $long_lived = null;
    report_program($start_ns);
}

/* ---- W3: allocation and release ---- */

function make_and_drop(int $count): void {
    for ($i = 0; $i < $count; $i++) {
        $node = new Node($i);
        unset($node);
    }
}

function alloc_hot(): void {
    $pairs = 20 * MILLION;
    gc_disable();
    make_and_drop(intdiv($pairs, 20));
    $start_ns = hrtime(true);
    make_and_drop($pairs);
    report_each('pair', $start_ns, $pairs);
}

function alloc_bulk(bool $shuffled): void {
    gc_disable();
    $table = array_fill(0, MILLION, null);
    $before = memory_get_usage();
    $start_ns = hrtime(true);
    for ($i = 0; $i < MILLION; $i++) $table[$i] = new Node($i);
    report_each('make', $start_ns, MILLION);
    if ($shuffled) shuffle($table);
    $start_ns = hrtime(true);
    for ($i = 0; $i < MILLION; $i++) $table[$i] = null;
    report_each('release', $start_ns, MILLION);
    /* The engine's table of objects has grown by 8 bytes for each. */
    if (memory_get_usage() - $before > 16 * MILLION) fail('nodes are left');
}

/* ---- W4, W5: dead rings ---- */

function make_rings(int $length): void {
    for ($made = 0; $made < MILLION; $made += $length) {
        $first = new Node($made);
        $last = $first;
        for ($i = 1; $i < $length; $i++) {
            $node = new Node($made + $i);
            $last->left = $node;
            $last = $node;
        }
        $last->left = $first;
    }
}

function collect_and_report(string $name, int $count, int $expected): void {
    $start_ns = hrtime(true);
    $ended = gc_collect_cycles();
    report_each($name, $start_ns, $count);
    if ($ended !== $expected) fail("$ended nodes were ended, not $expected");
}

function rings(int $length): void {
    gc_disable();
    $start_ns = hrtime(true);
    make_rings($length);
    report_each('make', $start_ns, MILLION);
    collect_and_report('collect', MILLION, MILLION);
}

function random_graph(int $count): array {
    $table = [];
    for ($i = 0; $i < $count; $i++) $table[] = new Node($i);
    for ($i = 0; $i < $count; $i++) {
        $table[$i]->left = $table[mt_rand(0, $count - 1)];
        $table[$i]->right = $table[mt_rand(0, $count - 1)];
    }
    return $table;
}

function make_giant_ring(): void {
    $table = [];
    for ($i = 0; $i < MILLION; $i++) $table[] = new Node($i);
    for ($i = 0; $i < MILLION; $i++) {
        $table[$i]->left = $table[($i + 1) % MILLION];
        $table[$i]->right = $table[mt_rand(0, MILLION - 1)];
    }
}

function giant_ring(): void {
    gc_disable();
    $start_ns = hrtime(true);
    make_giant_ring();
    report_each('make', $start_ns, MILLION);
    collect_and_report('collect', MILLION, MILLION);
}

/* ---- W6, W9: a live graph ---- */

function touch_node(Node $node): void {
    $copy = $node;
    unset($copy);
}

function live_graph(int $count): void {
    gc_disable();
    $table = random_graph($count);
    collect_and_report('first', $count, 0);
    collect_and_report('again', $count, 0);
    touch_node($table[intdiv($count, 2)]);
    collect_and_report('one_touched', $count, 0);
    for ($i = 0; $i < $count; $i++) touch_node($table[$i]);
    collect_and_report('all_touched', $count, 0);
    end_with($table);
}

function node_bytes(): void {
    $count = 4 * MILLION;
    gc_disable();
    $table = array_fill(0, $count, 0);
    $before = proc_bytes('VmRSS');
    for ($i = 0; $i < $count; $i++) $table[$i] = new Node($i);
    for ($i = 0; $i < $count; $i++) {
        $table[$i]->left = $table[mt_rand(0, $count - 1)];
        $table[$i]->right = $table[mt_rand(0, $count - 1)];
    }
    report('node', (proc_bytes('VmRSS') - $before) / $count, 'bytes');
    end_with($table);
}

/* ---- W7: churn over a million live nodes ---- */

const HELD = 500000;
const SLOTS = 250000;
const STEPS = 500000;

function churn_ring(array $graph): Node {
    $first = new Node(1);
    $second = new Node(2);
    $first->left = $second;
    $second->left = $first;
    $first->right = $graph[mt_rand(0, HELD - 1)];
    $second->right = $graph[mt_rand(0, HELD - 1)];
    return $first;
}

function churn(): void {
    $graph = random_graph(HELD);
    $slots = [];
    for ($i = 0; $i < SLOTS; $i++) $slots[] = churn_ring($graph);
    $times = array_fill(0, STEPS, 0);
    $start_ns = $last_ns = hrtime(true);
    for ($i = 0; $i < STEPS; $i++) {
        $slots[mt_rand(0, SLOTS - 1)] = churn_ring($graph);
        $now_ns = hrtime(true);
        $times[$i] = $now_ns - $last_ns;
        $last_ns = $now_ns;
    }
    report('step', ($last_ns - $start_ns) / STEPS, 'ns');
    report('peak', proc_bytes('VmHWM'), 'bytes');
    sort($times);
    report('longest', $times[STEPS - 1], 'ns');
    foreach (['p99' => 0.99, 'p999' => 0.999, 'p9999' => 0.9999] as $name => $part) {
        report($name, $times[(int) ceil($part * STEPS) - 1], 'ns');
    }
    end_with([$graph, $slots]);
}

/* ---- W8: depth ---- */

function chain(): void {
    $count = 10 * MILLION;
    $start_ns = hrtime(true);
    $head = new Node(0);
    $last = $head;
    for ($i = 1; $i < $count; $i++) {
        $node = new Node($i);
        $last->left = $node;
        $last = $node;
    }
    unset($last, $node);
    report_each('make', $start_ns, $count);
    $start_ns = hrtime(true);
    $head = null;
    report_each('drop', $start_ns, $count);
}

/* ---- W12: dependency graphs with churn ---- */

const CRATES = 1000;
const NEEDS_MAX = 7;
const UPDATES = CRATES / 10;
const PLANS = 8;
const GRAPHS = 32;
const ROUNDS = 1500;

final class Crate {
    public array $needs = [];
    public array $needed_by = [];
    public function __construct(public string $name, public string $version, public int $index) {}
}

$plan_state = 12345;

function plan_below(int $limit): int {
    global $plan_state;
    $plan_state = $plan_state * 48271 % 2147483647;
    return $plan_state % $limit;
}

function plan_name(): string {
    $name = '';
    for ($left = 4 + plan_below(13); $left > 0; $left--) $name .= chr(ord('a') + plan_below(26));
    return $name;
}

function plan_version(): string {
    return plan_below(10) . '.' . plan_below(40) . '.' . plan_below(20);
}

function plan_make(): array {
    $crates = $updates = [];
    for ($i = 0; $i < CRATES; $i++) {
        $name = plan_name();
        $version = plan_version();
        $needs = [];
        $count = plan_below(NEEDS_MAX + 1);
        for ($j = 0; $j < ($i === 0 ? 0 : $count); $j++) $needs[] = plan_below(1 + plan_below($i));
        $crates[] = [$name, $version, $needs];
    }
    for ($i = 0; $i < UPDATES; $i++) {
        $index = plan_below(CRATES);
        $updates[] = [$index, plan_version()];
    }
    return [$crates, $updates];
}

function graph_build(array $crates): array {
    $graph = [];
    foreach ($crates as $i => [$name, $version, $needs]) {
        $crate = new Crate($name, $version, $i);
        foreach ($needs as $needed) {
            $crate->needs[] = $graph[$needed];
            $graph[$needed]->needed_by[] = $crate;
        }
        $graph[] = $crate;
    }
    return $graph;
}

function graph_query(array $graph): int {
    $longest = $most = 0;
    $lengths = [];
    for ($i = 0; $i < CRATES; $i++) {
        if (count($graph[$i]->needed_by) > count($graph[$most]->needed_by)) $most = $i;
        $lengths[$i] = 1;
        foreach ($graph[$i]->needs as $needed) $lengths[$i] = max($lengths[$i], 1 + $lengths[$needed->index]);
        $longest = max($longest, $lengths[$i]);
    }
    $text = $graph[$most]->name . $graph[$most]->version;
    return count($graph[$most]->needed_by) * 7 + $longest + array_sum(unpack('C*', $text));
}

function replace(array &$edges, Crate $before, Crate $after): void {
    $found = array_search($before, $edges, true);
    if ($found === false) fail('an edge has only one end');
    $edges[$found] = $after;
}

function graph_update(array &$graph, int $index, string $version): void {
    $before = $graph[$index];
    $after = new Crate($before->name, $version, $index);
    foreach ($before->needs as $needed) {
        $after->needs[] = $needed;
        replace($needed->needed_by, $before, $after);
    }
    foreach ($before->needed_by as $user) {
        $after->needed_by[] = $user;
        replace($user->needs, $before, $after);
    }
    $graph[$index] = $after;
}

function graph_with_churn(): void {
    $plans = $graphs = [];
    for ($i = 0; $i < PLANS; $i++) $plans[] = plan_make();
    for ($i = 0; $i < GRAPHS; $i++) $graphs[] = graph_build($plans[$i % PLANS][0]);
    $sum = $longest_ns = 0;
    $start_ns = $last_ns = hrtime(true);
    for ($round = 0; $round < ROUNDS; $round++) {
        [$crates, $updates] = $plans[$round % PLANS];
        $slot = plan_below(GRAPHS);
        $graphs[$slot] = null;
        $graphs[$slot] = graph_build($crates);
        $sum = ($sum * 31 + graph_query($graphs[$slot])) % 1000003;
        foreach ($updates as [$index, $version]) graph_update($graphs[$slot], $index, $version);
        $sum = ($sum * 31 + graph_query($graphs[$slot])) % 1000003;
        $now_ns = hrtime(true);
        $longest_ns = max($longest_ns, $now_ns - $last_ns);
        $last_ns = $now_ns;
    }
    report_each('crate', $start_ns, ROUNDS * CRATES);
    report('longest', $longest_ns, 'ns');
    report('peak', proc_bytes('VmHWM'), 'bytes');
    report('checksum', $sum, 'sum');
    end_with($graphs);
}

mt_srand(1);
match ($argv[1] ?? '') {
    'W1' => binary_trees(),
    'W2-hot', 'W2-random' => cannot('a count cannot be told from the bytecode around it'),
    'W3-hot' => alloc_hot(),
    'W3-order' => alloc_bulk(false),
    'W3-random' => alloc_bulk(true),
    'W4-2' => rings(2),
    'W4-10' => rings(10),
    'W5' => giant_ring(),
    'W6-1M' => live_graph(MILLION),
    'W6-4M' => live_graph(4 * MILLION),
    'W7' => churn(),
    'W8' => chain(),
    'W9' => node_bytes(),
    'W10' => gcbench(),
    'W11-shared', 'W11-own' => cannot('its counts are not atomic'),
    'W12' => graph_with_churn(),
    default => fail('no workload is called "' . ($argv[1] ?? '') . '"'),
};
