/* Trees.java: W1 and W10 as workloads.h defines them, for the JVM: nothing is counted, nothing is released, a collector
 * that traces (Serial) finds what is dead. Peaks are the process's, so the size that the virtual machine lets its heap grow to
 * is a part of them: what is said of its time is said at that memory.
 */

import java.nio.file.Files;
import java.nio.file.Path;

public final class Trees {
  static final class Node {
    Node left, right;
    final long value;

    Node(long value) {
      this.value = value;
    }
  }

  static final int CANNOT = 77;
  static final int DEPTH_MIN = 4, DEPTH_MAX = 18;

  static void fail(String text) {
    System.err.println("bench: " + text);
    System.exit(1);
  }

  static int size(int depth) {
    return (1 << (depth + 1)) - 1;
  }

  static Node bottomUp(int depth) {
    if (depth == 0) return new Node(0);
    Node left = bottomUp(depth - 1), right = bottomUp(depth - 1);
    Node node = new Node(depth);
    node.left = left;
    node.right = right;
    return node;
  }

  static void populate(int depth, Node node) {
    if (depth <= 0) return;
    node.left = new Node(depth);
    node.right = new Node(depth);
    populate(depth - 1, node.left);
    populate(depth - 1, node.right);
  }

  static int count(Node node) {
    return node.left == null ? 1 : 1 + count(node.left) + count(node.right);
  }

  static void check(Node tree, int depth) {
    if (count(tree) != size(depth)) fail("a tree of depth " + depth + " is not whole");
  }

  static void report(long startNs) throws Exception {
    System.out.println("time " + (System.nanoTime() - startNs) + " ns");
    for (String line : Files.readAllLines(Path.of("/proc/self/status")))
      if (line.startsWith("VmHWM:")) {
        System.out.println("peak " + 1024 * Long.parseLong(line.replaceAll("\\D", "")) + " bytes");
        return;
      }
    fail("no VmHWM in /proc/self/status");
  }

  static void binaryTrees() {
    check(bottomUp(DEPTH_MAX + 1), DEPTH_MAX + 1);
    Node longLived = bottomUp(DEPTH_MAX);
    for (int depth = DEPTH_MIN; depth <= DEPTH_MAX; depth += 2)
      for (int i = 0; i < 1 << (DEPTH_MAX - depth + DEPTH_MIN); i++) check(bottomUp(depth), depth);
    check(longLived, DEPTH_MAX);
  }

  /* So that no tree is left out whose making nobody looks at. */
  static Node last;

  static void gcbench() {
    final int stretchDepth = 18, longLivedDepth = 16, length = 500 * 1000;
    last = bottomUp(stretchDepth);
    Node longLived = new Node(0);
    populate(longLivedDepth, longLived);
    double[] doubles = new double[length];
    for (int i = 0; i < length / 2; i++) doubles[i] = 1.0 / (i + 1);
    for (int depth = 4; depth <= longLivedDepth; depth += 2) {
      int trees = 2 * size(stretchDepth) / size(depth);
      for (int i = 0; i < trees; i++) {
        last = new Node(0);
        populate(depth, last);
      }
      for (int i = 0; i < trees; i++) last = bottomUp(depth);
    }
    if (doubles[1000] != 1.0 / 1001) fail("the array has lost a value");
    check(longLived, longLivedDepth);
  }

  public static void main(String[] arguments) throws Exception {
    String workload = arguments.length == 1 ? arguments[0] : "";
    long startNs = System.nanoTime();
    if (workload.equals("W1")) {
      binaryTrees();
    } else if (workload.equals("W10")) {
      gcbench();
    } else {
      System.err.println("a whole virtual machine is measured with whole programs, W1 and W10");
      System.exit(CANNOT);
    }
    report(startNs);
  }
}
