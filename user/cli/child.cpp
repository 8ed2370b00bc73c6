#include "cli/child.h"

#include "util/ignored_signals.h"
#include "util/text.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/wait.h>
#include <unistd.h>

namespace numadrift::cli {
namespace {

// In the child: only what is safe after fork.
[[noreturn]] void wait_and_exec(int gate, char* const* arguments) {
    char word = 0;
    ssize_t got = 0;
    do got = ::read(gate, &word, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1) ::_exit(0);
    for (const int signal : kIgnoredSignals) ::signal(signal, SIG_DFL);
    ::execvp(arguments[0], arguments);
    const char* why = std::strerror(errno);
    static constexpr char kWho[] = "numadrift: cannot run the command: ";
    if (::write(STDERR_FILENO, kWho, sizeof kWho - 1) < 0 ||
        ::write(STDERR_FILENO, why, std::strlen(why)) < 0 || ::write(STDERR_FILENO, "\n", 1) < 0)
        ::_exit(126);
    ::_exit(127);
}

// As execvp() looks for it: 0, or why there is none.
int find_program(const std::string& name) {
    if (name.find('/') != std::string::npos) return ::access(name.c_str(), X_OK) == 0 ? 0 : errno;
    const char* path = std::getenv("PATH");
    const std::string directories = path ? path : "/bin:/usr/bin";
    int why = ENOENT;
    for (std::size_t begin = 0; begin <= directories.size();) {
        const std::size_t end = std::min(directories.find(':', begin), directories.size());
        std::string program = begin == end ? "." : directories.substr(begin, end - begin);
        program.append("/").append(name);
        if (::access(program.c_str(), X_OK) == 0) return 0;
        if (errno == EACCES) why = EACCES;
        begin = end + 1;
    }
    return why;
}

} // namespace

Result<Child> Child::spawn(const std::vector<std::string>& command) {
    if (const int why = find_program(command.front()); why != 0)
        return Error{fmt::format("cannot run {}: {}", printable(command.front()), errno_text(why)),
                     "everything after -- is the command, a program first, then its arguments"};
    std::vector<std::string> words = command;
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return Error{fmt::format("cannot make a pipe: {}", errno_text(errno)), {}};
    Fd reader(ends[0]);
    Fd writer(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return Error{fmt::format("cannot start {}: {}", command.front(), errno_text(errno)), {}};
    if (pid == 0) {
        writer.reset();
        wait_and_exec(reader.get(), arguments.data());
    }
    return Child(pid, std::move(writer));
}

Child::~Child() {
    gate_.reset();
}

void Child::release() {
    if (::write(gate_.get(), "g", 1) != 1) errno = 0; // it was killed meanwhile: ended() tells
    gate_.reset();
}

std::optional<std::string> Child::ended() {
    int status = 0;
    if (pid_ < 0 || ::waitpid(pid_, &status, WNOHANG) != pid_) return std::nullopt;
    pid_ = -1;
    if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}", WTERMSIG(status));
    return fmt::format("exited with status {}", WEXITSTATUS(status));
}

} // namespace numadrift::cli
