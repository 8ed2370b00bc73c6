// sharer FILE set | map: 8 MiB of a file in shared memory. `set` gives it the policy "interleave over
// nodes 0 and 1", which stays with the file, and ends; `map` uses it, prints "ready" and waits.
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <linux/mempolicy.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(int argc, char** argv) {
    constexpr std::size_t kBytes = std::size_t{8} << 20;
    if (argc != 3) return 2;
    const int fd = ::open(argv[1], O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || ::ftruncate(fd, kBytes) != 0) return 1;
    void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) return 1;
    if (std::strcmp(argv[2], "set") == 0) {
        const unsigned long nodes = 3;
        return ::syscall(SYS_mbind, memory, kBytes, MPOL_INTERLEAVE, &nodes, 64, 0) == 0 ? 0 : 1;
    }
    std::memset(memory, 1, kBytes);
    std::printf("ready\n");
    std::fflush(stdout);
    ::pause();
}
