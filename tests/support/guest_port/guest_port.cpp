// guest_port NUMBER: copies its input to an I/O port, behind which a guest's emulator has a file, until
// SIGTERM. What was written before the signal is still copied. A port asks for no interrupt: the kernel's
// driver of serial lines waits for one after each 16 bytes, and where the emulator lost it, threw away what
// was left after 30 s.
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <poll.h>
#include <sys/io.h>
#include <unistd.h>

namespace {

volatile std::sig_atomic_t ends = 0;

void end(int) {
    ends = 1;
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2 || ::iopl(3) != 0) return 2;
    const auto port = static_cast<unsigned short>(std::strtoul(argv[1], nullptr, 0));

    sigset_t blocked, open;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    ::sigprocmask(SIG_BLOCK, &blocked, &open);
    std::signal(SIGTERM, end);

    pollfd input{STDIN_FILENO, POLLIN, 0};
    constexpr timespec kNow{};
    for (std::array<char, 65536> bytes;;) {
        const int ready = ::ppoll(&input, 1, ends ? &kNow : nullptr, &open);
        if (ready < 0 && errno == EINTR) continue;
        if (ready <= 0) return ready < 0;
        const ssize_t count = ::read(STDIN_FILENO, bytes.data(), bytes.size());
        if (count <= 0) return count < 0;
        ::outsb(port, bytes.data(), static_cast<unsigned long>(count));
    }
}
