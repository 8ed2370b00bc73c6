import java.util.HashMap;
import java.util.concurrent.atomic.LongAdder;

/** Garbage SECONDS: a hash map that is filled and thrown away by two threads. Prints puts a second, over
 *  all and in the best tenth of a second. */
public class Garbage {
    static final int KEYS = 100_000;
    static final LongAdder puts = new LongAdder(); // threads that fight for a lock would be all there is to see

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
                        if (i % 1000 == 0) puts.add(1000);
                    }
                }
            }, "garbage-" + t);
            worker.setDaemon(true);
            worker.start();
        }
        Thread.sleep(500); // compiled by then
        long begin = System.nanoTime(), first = puts.sum(), before = first;
        double best = 0;
        for (int i = 0; i < seconds * 10; i++) {
            Thread.sleep(100);
            best = Math.max(best, (puts.sum() - before) * 10.0);
            before = puts.sum();
        }
        System.out.printf("%.0f %.0f%n", (before - first) / ((System.nanoTime() - begin) / 1e9), best);
    }
}
