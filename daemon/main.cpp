// tinsmithd: reads its settings, opens the journal, puts ports and handlers together and runs the
// loop.
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <sys/stat.h>

#include <cstdio>
#include <exception>
#include <memory>
#include <string>

#include "daemon/broker.hpp"
#include "daemon/clock.hpp"
#include "daemon/house.hpp"
#include "daemon/journal.hpp"
#include "daemon/llm/chain.hpp"
#include "daemon/log.hpp"
#include "daemon/loop.hpp"
#include "daemon/machine.hpp"
#include "daemon/service.hpp"
#include "daemon/settings.hpp"
#include "daemon/signer.hpp"
#include "daemon/state_lock.hpp"
#include "daemon/workers.hpp"
#include "handlers/api/replies.hpp"
#include "handlers/api/topics.hpp"
#include "handlers/api/version.hpp"
#include "handlers/requests/presence.hpp"

namespace tinsmith::daemon {
namespace {

constexpr std::int64_t kTickMs = 30'000;
constexpr std::int64_t kStopGraceMs = 3'000;

struct Arguments {
    std::string config = kSettingsFile;
    bool checkOnly = false;
};

// EX_CONFIG of sysexits.h: the unit does not restart after it.
constexpr int kBadSettings = 78;

int complain(const Error& error, int code = 1) {
    log(Level::error, error.message + (error.hint.empty() ? "" : " — " + error.hint));
    return code;
}

// Everything that lives as long as the daemon, in the order in which it must come and go.
class Daemon {
  public:
    Daemon(DaemonSettings settings, std::unique_ptr<SqliteJournal> journal,
           BrokerOptions brokerOptions)
        : settings_(std::move(settings)),
          journal_(std::move(journal)),
          clock_(loop_),
          artefacts_(settings_.house.stateDir / "artefacts"),
          workers_(loop_, {.bubblewrap = settings_.bubblewrap,
                           .helper = settings_.house.programDir / "tinsmith-cage"}),
          broker_(loop_, std::move(brokerOptions)),
          llm_(loop_, clock_, journal_.get(), settings_.llm),
          signer_(loop_, workers_,
                  {.program = settings_.house.programDir / "tinsmith-sign",
                   .key = settings_.signingKey,
                   .publicKey = settings_.signingPublicKey}),
          world_{*journal_, broker_, clock_, workers_, llm_, signer_, artefacts_, settings_.house} {
    }

    int run() {
        workers_.useCgroups(CgroupTree::claim());
        broker_.setObserver([this](const Publication& publication) {
            logJobStory(settings_.house.root, publication);
        });
        house_ = std::make_unique<House>(world_);
        if (const Status started = house_->start(); !started) return complain(started.error());
        broker_.setConsumer([this](const std::vector<Message>& batch) {
            if (house_) house_->receive(batch);
        });
        broker_.setOnConnected([this] {
            if (house_) house_->connected();
            tellStatus();
        });
        const Source terminate = loop_.signal(SIGTERM, [this] { stop(); });
        const Source interrupt = loop_.signal(SIGINT, [this] { stop(); });
        loop_.enableWatchdog();
        broker_.start();
        tick();
        notifyReady(status());
        log(Level::notice,
            "tinsmithd " + std::string(programVersion()) + " is ready; state in " +
                settings_.house.stateDir.string(),
            {{"MESSAGE_ID", std::string(kIdReady)}});
        // Reading and starting up left holes in the heap.
        malloc_trim(0);
        return loop_.run();
    }

  private:
    void tick() {
        tickTimer_ = loop_.after(kTickMs, [this] {
            house_->tick();
            tellStatus();
            tick();
        });
    }

    [[nodiscard]] std::string status() const {
        const std::size_t jobs = house_ ? house_->unfinishedJobs() : 0;
        return broker_.status() + "; " +
               (jobs == 0 ? "idle" : std::to_string(jobs) + " unfinished jobs");
    }

    void tellStatus() {
        const std::string now = status();
        if (now != std::exchange(told_, now)) notifyStatus(now);
    }

    // Jobs are dropped where they stand, which kills their children; the journal brings them back
    // at the next start.
    void stop() {
        if (stopping_) return;
        stopping_ = true;
        notifyStopping();
        log(Level::notice, "stopping", {{"MESSAGE_ID", std::string(kIdStopping)}});
        tickTimer_.reset();
        broker_.setConsumer({});
        broker_.setOnConnected({});
        house_.reset();
        broker_.stop(kStopGraceMs, [this] { loop_.exit(0); });
    }

    DaemonSettings settings_;
    std::unique_ptr<SqliteJournal> journal_;
    Loop loop_;
    LoopClock clock_;
    Artefacts artefacts_;
    ChildWorkers workers_;
    MosquittoBroker broker_;
    LlmChain llm_;
    ChildSigner signer_;
    World world_;
    std::unique_ptr<House> house_;
    Source tickTimer_;
    std::string told_;
    bool stopping_ = false;
};

Result<DaemonSettings> withSecrets(DaemonSettings settings) {
    auto password = readSecret(settings.brokerPasswordFile, "broker-password", "");
    if (!password) return std::unexpected(password.error());
    settings.broker.password = *password;
    for (LlmOptions& model : settings.llm) {
        auto complete = withKey(model);
        if (!complete) return std::unexpected(complete.error());
        model = std::move(*complete);
    }
    return settings;
}

int serve(const Arguments& arguments) {
    auto settings = loadSettings(arguments.config);
    if (settings) settings = withSecrets(std::move(*settings));
    if (!settings) return complain(settings.error(), kBadSettings);
    setLogLevel(settings->logLevel);
    if (arguments.checkOnly) {
        for (const auto& [key, value] : listSettings(*settings))
            std::printf("%s = %s\n", key.c_str(), value.c_str());
        return 0;
    }
    settings->house.machine = machineType();
    const auto lock = StateLock::take(settings->house.stateDir);
    if (!lock) return complain(lock.error());
    auto journal = SqliteJournal::open(settings->house.stateDir / "journal.db");
    if (!journal) return complain(journal.error());
    const auto boot = countBoot(**journal);
    if (!boot) return complain(boot.error());
    const Topics topics(settings->house.root);
    BrokerOptions broker = settings->broker;
    broker.subscriptions = {topics.requestFilter(), topics.deviceFilter("+")};
    broker.willTopic = topics.state();
    broker.will = canonical(stateCard("offline", *boot, wallClockMs()));
    Daemon daemon(std::move(*settings), std::move(*journal), std::move(broker));
    return daemon.run();
}

int parseArguments(int count, char** values, Arguments& arguments) {
    const option known[] = {{"config", required_argument, nullptr, 'c'},
                            {"check", no_argument, nullptr, 'k'},
                            {"help", no_argument, nullptr, 'h'},
                            {"version", no_argument, nullptr, 'v'},
                            {nullptr, 0, nullptr, 0}};
    for (int letter = 0; (letter = getopt_long(count, values, "c:h", known, nullptr)) != -1;) {
        if (letter == 'c') {
            arguments.config = optarg;
        } else if (letter == 'k') {
            arguments.checkOnly = true;
        } else if (letter == 'v') {
            std::printf("tinsmithd %s\n", std::string(programVersion()).c_str());
            return 0;
        } else {
            std::printf(
                "usage: tinsmithd [--config FILE] [--check]\n"
                "  --config FILE  settings, default %s\n"
                "  --check        read them, print every setting but the askers and end\n",
                arguments.config.c_str());
            return letter == 'h' ? 0 : 2;
        }
    }
    return -1;
}

}  // namespace
}  // namespace tinsmith::daemon

int main(int count, char** values) {
    using namespace tinsmith::daemon;
    Arguments arguments;
    if (const int done = parseArguments(count, values, arguments); done >= 0) return done;
    ::umask(0027);
    ::signal(SIGPIPE, SIG_IGN);
    try {
        return serve(arguments);
    } catch (const std::exception& error) {
        log(Level::error, std::string("cannot start: ") + error.what());
        return 1;
    }
}
