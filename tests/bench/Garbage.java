import java.util.HashMap;

/** Garbage SECONDS: a hash map that is filled and thrown away by two threads. Prints puts a second, over
 *  all and in the best tenth of a second. */
public class Garbage {
    static final int KEYS = 100_000;
    static long puts = 0;

    static synchronized void count(long some) {
        puts += some;
    }

    static synchronized long counted() {
        return puts;
    }

    public static void main(String[] args) throws Exception {
        double seconds = Double.parseDouble(args[0]);
        for (int t = 0; t < 2; t++) {
            Thread worker = new Thread(() -> {
                long seed = Thread.currentThread().getId();
                while (true) {
                    HashMap<Long, Long> map = new HashMap<>();
                    for (int i = 0; i < KEYS; i++) {
                        seed = seed * 6364136223846793005L + 1442695040888963407L;
                        map.put(seed >>> 40, (long) i);
                        if (i % 1000 == 0) count(1000);
                    }
                }
            }, "garbage-" + t);
            worker.setDaemon(true);
            worker.start();
        }
        Thread.sleep(500); // compiled by then
        long begin = System.nanoTime(), first = counted(), before = first;
        double best = 0;
        for (int i = 0; i < seconds * 10; i++) {
            Thread.sleep(100);
            best = Math.max(best, (counted() - before) * 10.0);
            before = counted();
        }
        System.out.printf("%.0f %.0f%n", (before - first) / ((System.nanoTime() - begin) / 1e9), best);
    }
}
