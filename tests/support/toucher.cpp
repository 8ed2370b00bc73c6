// toucher MODE CPU_A CPU_B: puts memory in place in one of the ways a page can come to be, half of
// it on CPU_A, half on CPU_B, and then says where move_pages(2) finds it.
//
// Prints "ready PID", waits for SIGUSR1, works, and prints a line for each thread that touched:
//   pages PID TID BASE BYTES N0 N1 …      (hexadecimal base)
// Modes: anon kwrite rtouch thp shm file filepre filepriv gup populate hugetlb cow
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHuge = std::size_t{2} << 20;
constexpr std::size_t kBytes = std::size_t{8} << 20;
constexpr int kMadvPopulateWrite = 23; // from 5.14

[[noreturn]] void die(const char* what) {
    std::perror(what);
    std::exit(1);
}

void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (::sched_setaffinity(0, sizeof set, &set) != 0) die("sched_setaffinity");
}

void write_pages(char* begin, std::size_t bytes) {
    for (std::size_t at = 0; at < bytes; at += kPage) *const_cast<volatile char*>(begin + at) = 1;
}

char* map_memory(const std::string& mode) {
    if (mode == "hugetlb") {
        void* memory =
            ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
        if (memory == MAP_FAILED) die("mmap of huge pages");
        return static_cast<char*>(memory);
    }
    if (mode.starts_with("file")) {
        const int fd = ::open("/tmp/toucher-file", O_RDWR | O_CREAT | O_TRUNC, 0600);
        if (fd < 0 || ::ftruncate(fd, static_cast<off_t>(kBytes)) != 0) die("file");
        if (mode == "filepre") { // in the page cache before anybody maps it
            const std::vector<char> page(kPage, 1);
            for (std::size_t at = 0; at < kBytes; at += kPage)
                if (::write(fd, page.data(), kPage) != static_cast<ssize_t>(kPage)) die("write");
        }
        const int flags = mode == "filepriv" ? MAP_PRIVATE : MAP_SHARED;
        void* memory = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, flags, fd, 0);
        if (memory == MAP_FAILED) die("mmap of a file");
        return static_cast<char*>(memory);
    }
    const int flags = (mode == "shm" ? MAP_SHARED : MAP_PRIVATE) | MAP_ANONYMOUS;
    void* memory = ::mmap(nullptr, kBytes + kHuge, PROT_READ | PROT_WRITE, flags, -1, 0);
    if (memory == MAP_FAILED) die("mmap");
    auto at = reinterpret_cast<std::uintptr_t>(memory);
    at = (at + kHuge - 1) & ~(kHuge - 1);
    char* aligned = reinterpret_cast<char*>(at);
    ::madvise(aligned, kBytes, mode == "thp" ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return aligned;
}

void fill(const std::string& mode, char* begin, std::size_t bytes) {
    if (mode == "kwrite") {
        const int zero = ::open("/dev/zero", O_RDONLY);
        for (std::size_t done = 0; done < bytes;) {
            const ssize_t got = ::read(zero, begin + done, bytes - done);
            if (got <= 0) die("read");
            done += static_cast<std::size_t>(got);
        }
        ::close(zero);
    } else if (mode == "gup") {
        std::vector<char> source(65536, 1);
        for (std::size_t done = 0; done < bytes; done += source.size()) {
            const iovec from{source.data(), source.size()};
            const iovec to{begin + done, source.size()};
            if (::process_vm_writev(::getpid(), &from, 1, &to, 1, 0) < 0) die("process_vm_writev");
        }
    } else if (mode == "populate") {
        if (::madvise(begin, bytes, kMadvPopulateWrite) != 0 && ::mlock(begin, bytes) != 0) die("populate");
    } else {
        if (mode == "rtouch")
            for (std::size_t at = 0; at < bytes; at += kPage)
                static_cast<void>(*const_cast<volatile char*>(begin + at));
        write_pages(begin, bytes);
    }
}

void say_where(char* begin) {
    std::vector<void*> addresses;
    for (std::size_t at = 0; at < kBytes; at += kPage) addresses.push_back(begin + at);
    std::vector<int> where(addresses.size(), -1);
    ::syscall(SYS_move_pages, 0, addresses.size(), addresses.data(), nullptr, where.data(), 0);
    std::vector<long> sums(4);
    for (const int node : where)
        if (node >= 0 && node < 4) ++sums[static_cast<std::size_t>(node)];
    std::printf("pages %d %ld %lx %zu %ld %ld %ld %ld\n", ::getpid(), ::syscall(SYS_gettid),
                reinterpret_cast<unsigned long>(begin), kBytes, sums[0], sums[1], sums[2], sums[3]);
    std::fflush(stdout);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) return 2;
    const std::string mode = argv[1];
    const int first = std::atoi(argv[2]);
    const int second = std::atoi(argv[3]);
    ::prctl(PR_SET_THP_DISABLE, mode != "thp", 0, 0, 0);
    sigset_t go;
    sigemptyset(&go);
    sigaddset(&go, SIGUSR1);
    ::sigprocmask(SIG_BLOCK, &go, nullptr);
    pin(first);
    char* memory = map_memory(mode);
    std::printf("ready %d\n", ::getpid());
    std::fflush(stdout);
    int number = 0;
    ::sigwait(&go, &number);

    fill(mode, memory, kBytes / 2);
    if (mode != "cow") pin(second);
    fill(mode, memory + kBytes / 2, kBytes / 2);
    say_where(memory);
    if (mode == "cow") {
        const pid_t child = ::fork();
        if (child == 0) {
            pin(second);
            write_pages(memory, kBytes);
            say_where(memory);
            ::_exit(0);
        }
        ::waitpid(child, nullptr, 0);
    }
    return 0;
}
