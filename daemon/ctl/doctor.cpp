#include "daemon/ctl/doctor.hpp"

#include <cstdio>
#include <functional>

#include "daemon/ctl/print.hpp"

namespace tinsmith::ctl {

namespace {

constexpr const char* kVerdicts[] = {"ok", "warn", "FAIL"};

void print(const Finding& finding) {
    std::printf("%-5s %s: %s\n", kVerdicts[static_cast<int>(finding.verdict)],
                finding.subject.c_str(), printable(finding.text).c_str());
    if (!finding.remedy.empty()) std::printf("      -> %s\n", printable(finding.remedy).c_str());
    std::fflush(stdout);
}

Finding judgeLimits(const BrokerLimits& limits) {
    const std::string told =
        "packets up to " +
        (limits.maximumPacketBytes == 0 ? std::string("any size")
                                        : std::to_string(limits.maximumPacketBytes) + " bytes") +
        ", " + std::to_string(limits.receiveMaximum) + " in flight, QoS up to " +
        std::to_string(limits.maximumQos);
    const auto refuse = [&](const char* remedy) {
        return Finding{"broker limits", Verdict::fail, told, remedy};
    };
    if (limits.maximumQos < 1)
        return refuse("allow QoS 1 (max_qos): requests need acknowledgements");
    if (!limits.retainAvailable)
        return refuse("set retain_available true: states and hellos are retained");
    if (!limits.wildcardSubscriptions) return refuse("allow wildcard subscriptions");
    if (limits.maximumPacketBytes != 0 && limits.maximumPacketBytes < 65'536) {
        return {"broker limits", Verdict::warn, told,
                "raise max_packet_size to 262144 or more: requests may be that large"};
    }
    return {"broker limits", Verdict::ok, told, ""};
}

// The daemon, from what it says of itself and from a health request.
void examineDaemon(Client& client, std::vector<Finding>& findings) {
    const auto reply = client.ask("health", Json::object());
    if (!reply) {
        findings.push_back({"daemon", Verdict::fail, reply.error().message, reply.error().hint});
        return;
    }
    if (reply->value("status", "") != "ok") {
        const Error error = errorFromJson(reply->value("error", Json::object()));
        findings.push_back(
            {"daemon", Verdict::warn, "it answers, but: " + error.message, error.hint});
        return;
    }
    const Json health = reply->value("data", Json::object());
    findings.push_back({"daemon", Verdict::ok,
                        "version " + health.value("version", std::string("?")) + ", " +
                            std::to_string(health.value("rss_mb", 0)) + " MB resident",
                        ""});
    for (const Json& warning : health.value("warnings", Json::array())) {
        if (!warning.is_object()) continue;
        findings.push_back({"daemon", Verdict::warn, warning.value("text", std::string()),
                            warning.value("hint", std::string("see the daemon's log"))});
    }
}

}  // namespace

std::vector<Finding> examineBroker(const ClientOptions& options) {
    std::vector<Finding> findings;
    Client client(options);
    if (auto connected = client.connect(); !connected) {
        return {{"broker", Verdict::fail, connected.error().message, connected.error().hint}};
    }
    findings.push_back({"broker", Verdict::ok,
                        options.host + ":" + std::to_string(options.port) + " takes " +
                            (options.user.empty() ? "clients without a name" : options.user),
                        ""});
    findings.push_back(judgeLimits(client.limits()));

    ClientOptions nobody = options;
    nobody.user.clear();
    nobody.password.clear();
    Client anonymous(nobody);
    if (anonymous.connect()) {
        findings.push_back({"broker access", Verdict::warn,
                            "the broker lets anybody in without a name",
                            "set allow_anonymous false and give each asker and device a password"});
    }
    if (options.user.empty()) return findings;
    // A request in somebody else's name must not get through. That name is no asker, so it asks
    // nothing if it does.
    const std::string foreign = client.topics().request(options.user + "-doctor", "health");
    if (client.publish(foreign, "{}") == Delivery::refused) {
        findings.push_back({"broker access", Verdict::ok, "nobody can ask in another's name", ""});
    } else {
        findings.push_back({"broker access", Verdict::warn,
                            options.user + " can publish requests in another's name",
                            "use the ACL that Tinsmith ships (config/mosquitto.conf)"});
    }
    examineDaemon(client, findings);
    return findings;
}

int doctor(const ClientOptions& options, const std::optional<daemon::DaemonSettings>& settings,
           const std::string& settingsProblem, bool json) {
    std::vector<Finding> findings;
    const auto add = [&](const std::vector<Finding>& more) {
        for (const Finding& finding : more) {
            if (!json) print(finding);
            findings.push_back(finding);
        }
    };
    if (settings) {
        add({{"settings", Verdict::ok, "they can be read", ""}});
    } else {
        add({{"settings", Verdict::warn, settingsProblem,
              "give --config FILE; without it only the broker and the clock are looked at"}});
    }
    add(examineBroker(options));
    if (settings) {
        add(examineTools(*settings));
        add(examinePlanner(*settings));
        add(examineDisk(*settings));
        add(examineKey(*settings));
    }
    add(examineClock());
    int failed = 0;
    Json list = Json::array();
    for (const Finding& finding : findings) {
        if (finding.verdict == Verdict::fail) failed = 1;
        list.push_back({{"subject", finding.subject},
                        {"verdict", kVerdicts[static_cast<int>(finding.verdict)]},
                        {"text", printable(finding.text)},
                        {"remedy", printable(finding.remedy)}});
    }
    if (json) std::printf("%s\n", list.dump(2).c_str());
    return failed;
}

}  // namespace tinsmith::ctl
