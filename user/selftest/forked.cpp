#include "selftest/forked.h"

#include "util/file.h"

#include <cerrno>
#include <csignal>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace numadrift::selftest {

Result<Forked> Forked::start(const char* name, const std::function<int()>& work) {
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid < 0) return Error{"cannot start a process: " + errno_text(errno), {}};
    if (pid > 0) return Forked(pid);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1); // it was gone before the line above
    ::prctl(PR_SET_NAME, name);
    ::_exit(work());
}

Forked::~Forked() {
    if (pid_ < 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

bool Forked::ended() {
    if (pid_ >= 0 && ::waitpid(pid_, nullptr, WNOHANG) == pid_) pid_ = -1;
    return pid_ < 0;
}

} // namespace numadrift::selftest
