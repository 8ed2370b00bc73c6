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
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

namespace numadrift::cli {
namespace {

// The words of a vector as execvpe() takes them; they live as long as the vector.
std::vector<char*> pointers_to(std::vector<std::string>& words) {
    std::vector<char*> pointers;
    pointers.reserve(words.size() + 1);
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    return pointers;
}

// Ours, but for what says whose it is.
std::vector<std::string> environment_of(const std::optional<Identity>& identity) {
    std::vector<std::string> variables;
    for (char** variable = environ; *variable; ++variable) variables.emplace_back(*variable);
    if (!identity) return variables;
    std::erase_if(variables, [](const std::string& variable) {
        return variable.starts_with("HOME=") || variable.starts_with("USER=") ||
               variable.starts_with("LOGNAME=");
    });
    variables.push_back("HOME=" + identity->home);
    if (identity->name.empty()) return variables;
    variables.push_back("USER=" + identity->name);
    variables.push_back("LOGNAME=" + identity->name);
    return variables;
}

// In the child, as what follows: only what is safe after fork.
[[noreturn]] void fail(std::string_view what, int status) {
    const char* why = std::strerror(errno);
    for (const std::string_view part :
         {std::string_view("numadrift: "), what, std::string_view(why), std::string_view("\n")})
        if (::write(STDERR_FILENO, part.data(), part.size()) < 0) break;
    ::_exit(status);
}

[[noreturn]] void wait_and_exec(int gate, char* const* arguments, char* const* environment,
                                const Child::Options& options) {
    char word = 0;
    ssize_t got = 0;
    do got = ::read(gate, &word, 1);
    while (got < 0 && errno == EINTR);
    if (got != 1) ::_exit(0);
    for (const int signal : kIgnoredSignals) ::signal(signal, SIG_DFL);
    if (options.prints_to_stderr && ::dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
        fail("cannot lead the command's output to stderr: ", 126);
    if (options.identity && !become(*options.identity)) fail("cannot run the command as another user: ", 126);
    ::execvpe(arguments[0], arguments, environment);
    fail("cannot run the command: ", errno == ENOENT ? 127 : 126); // as shells tell them apart
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

Result<Child> Child::spawn(const std::vector<std::string>& command, const Options& options) {
    if (const int why = find_program(command.front()); why != 0)
        return Error{fmt::format("cannot run {}: {}", printable(command.front()), errno_text(why)),
                     "everything after -- is the command, a program first, then its arguments"};
    std::vector<std::string> words = command;
    std::vector<std::string> variables = environment_of(options.identity);
    const std::vector<char*> arguments = pointers_to(words);
    const std::vector<char*> environment = pointers_to(variables);
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
        return Error{fmt::format("cannot make a pipe: {}", errno_text(errno)), {}};
    Fd reader(ends[0]);
    Fd writer(ends[1]);
    const pid_t pid = ::fork();
    if (pid < 0) return Error{fmt::format("cannot start {}: {}", command.front(), errno_text(errno)), {}};
    if (pid == 0) {
        writer.reset();
        wait_and_exec(reader.get(), arguments.data(), environment.data(), options);
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
    status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (WIFSIGNALED(status))
        return fmt::format("was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    return fmt::format("exited with status {}", *status_);
}

} // namespace numadrift::cli
