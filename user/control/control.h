// How a running recorder is spoken to: one line over a unix socket, one line back. The socket is
// /run/numadrift/PID.sock, for root and for the user who records.
#pragma once

#include "util/file.h"
#include "util/result.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace numadrift::control {

// Where the sockets are; NUMADRIFT_RUN_DIR says otherwise (tests).
std::string directory();

// A recorder's end. Answers when it is asked to look, and waits for nobody: who has not said his line within
// two seconds is hung up on.
class Server {
public:
    // Error: the directory cannot be made, or the socket not bound.
    static Result<Server> open();
    Server(Server&&) = default;
    Server& operator=(Server&&) = default;
    ~Server();

    using Answer = std::function<std::string(const std::string& line)>;
    // Reads what came, answers what is complete, and closes.
    void pass(const Answer& answer);

    // Is readable when somebody asks.
    int fd() const { return listener_.get(); }

private:
    struct Caller {
        Fd fd;
        std::uint64_t until_ns = 0;
        std::string line; // as far as it has come
    };

    explicit Server(Fd listener, std::string path) : listener_(std::move(listener)), path_(std::move(path)) {}
    bool welcome_more();

    Fd listener_;
    std::string path_;
    std::vector<Caller> callers_;
};

// Ids of the recorders that run here.
std::vector<int> recorders();

// Says a line to a recorder; what it answered. Error: none runs, more than one does, no permission.
Result<std::string> say(int recorder, const std::string& line);

} // namespace numadrift::control
