#include "handlers/requests/desk.hpp"

#include <algorithm>

#include "handlers/api/names.hpp"
#include "handlers/api/replies.hpp"
#include "handlers/flow/digest.hpp"
#include "handlers/requests/presence.hpp"
#include "handlers/requests/versions.hpp"

namespace tinsmith {

namespace {

// j-<time, base 36>-<digest of asker and id>: sorts by time, and no two requests have the same.
std::string makeJobId(std::int64_t unixMs, const std::string& key) {
    std::string time;
    for (std::int64_t left = std::max<std::int64_t>(unixMs, 0); left > 0; left /= 36) {
        time.insert(time.begin(), "0123456789abcdefghijklmnopqrstuvwxyz"[left % 36]);
    }
    return "j-" + time + "-" + sha256Hex(key).substr(0, 6);
}

bool allows(const Rights& rights, const std::string& verb, const std::string& action) {
    return std::ranges::any_of(rights.allow, [&](const std::string& right) {
        return right == "*" || right == verb || (!action.empty() && right == verb + "." + action);
    });
}

// A learning request that also rolls out needs the right for that, too.
bool wantsRollout(const Opened& opened) {
    return opened.verb != "rollout" && opened.json.contains("rollout");
}

}  // namespace

// One request on its way through the desk.
struct Desk::Entry {
    std::string asker;
    std::string verb;
    std::string topic;  // of the reply
    std::string correlation;
    std::string digest;  // of the payload
    std::string key;     // "<asker>/<id>"
    std::optional<std::string> id;
    Json reply;
    std::string job;                  // to start once it is durable
    std::optional<Request> request;   // a short one, to answer in its turn
    std::optional<std::size_t> same;  // repeats this entry of the same batch
    std::int64_t received = 0;
    bool held = false;  // changed something: the reply waits until it is durable

    Write record() const {
        return {"request", key,
                Json{{"verb", verb},
                     {"digest", digest},
                     {"job", job},
                     {"reply", reply},
                     {"received", received}}};
    }
};

struct Desk::Batch {
    std::vector<Entry> entries;
    std::vector<Write> writes;
    std::map<std::string, std::size_t> known;  // remembered ids of this batch → entry
    std::size_t admitted = 0;
};

Desk::Desk(World& world, Jobs& jobs, Fleet& fleet)
    : world_(world),
      jobs_(jobs),
      fleet_(fleet),
      topics_(world.settings.root),
      keeper_(world, jobs) {}

Status Desk::start() {
    auto schemas = Schemas::load(world_.settings.shareDir / "schemas");
    if (!schemas) return std::unexpected(schemas.error());
    schemas_ = std::move(*schemas);
    const auto boot = currentBoot(world_.journal);
    if (!boot) return std::unexpected(boot.error());
    boot_ = *boot;
    since_ = world_.clock.unixMs();
    tidiedAt_ = world_.clock.steadyMs();
    jobs_.onEnd = [this, before = jobs_.onEnd](const std::string& id, const Json& record) {
        if (before) before(id, record);
        jobEnded(id, record);
    };
    const auto models = world_.journal.list("model");
    if (!models) return std::unexpected(models.error());
    for (const Record& model : *models) publishModelCard(world_, model.key);
    const Json info =
        infoCard(world_.settings, knownBoards(world_.settings), world_.llm, world_.signer);
    world_.broker.publish({topics_.info(), canonical(info), true});
    world_.broker.publish({topics_.state(), canonical(stateCard("online", boot_, since_)), true});
    publishHealth();
    return {};
}

void Desk::connected() {
    // The broker has told everybody the will meanwhile.
    world_.broker.publish({topics_.state(), canonical(stateCard("online", boot_, since_)), true});
    fleet_.connected();
}

void Desk::receive(const std::vector<Message>& messages) {
    Batch batch;
    for (const Message& message : messages) {
        const Topic topic = topics_.parse(message.topic);
        if (topic.kind == Topic::Kind::device) {
            ++counters_.deviceMessages;
            fleet_.receive(message);
        } else if (topic.kind == Topic::Kind::request) {
            judge(topic, message, batch);
        } else {
            ++counters_.strays;
        }
    }
    settle(batch);
}

Status Desk::mayAsk(const Topic& topic, const std::string& action) const {
    const auto asker = world_.settings.askers.find(topic.name);
    if (asker == world_.settings.askers.end()) {
        return fail(Code::forbidden, topic.name + " may ask nothing here",
                    "add [askers." + topic.name + "] with its rights to the settings");
    }
    const std::string wanted = topic.rest + (action.empty() ? "" : "." + action.substr(0, 64));
    // Before the payload is read only the verb is known: a right to one of its actions is enough
    // then.
    const bool some = action.empty() && !schemas_->actions(topic.rest).empty() &&
                      std::ranges::any_of(asker->second.allow, [&](const std::string& right) {
                          return right.starts_with(topic.rest + ".");
                      });
    if (some || allows(asker->second, topic.rest, action)) return {};
    return fail(
        Code::forbidden, topic.name + " may not ask for " + wanted,
        "add \"" + wanted + "\" to the rights of askers." + topic.name + " in the settings");
}

Status Desk::withinRate(const std::string& asker) {
    const auto perMinute = static_cast<double>(world_.settings.requestsPerMinute);
    const std::int64_t now = world_.clock.steadyMs();
    auto [it, fresh] = allowances_.try_emplace(asker, Allowance{perMinute, now});
    Allowance& allowance = it->second;
    const double earned = static_cast<double>(now - allowance.at) * perMinute / 60'000.0;
    allowance.left = std::min(perMinute, allowance.left + earned);
    allowance.at = now;
    if (allowance.left < 1) {
        return fail(
            Code::busy,
            "more than " + std::to_string(world_.settings.requestsPerMinute) + " requests a minute",
            "send the same request again in a few seconds");
    }
    allowance.left -= 1;
    return {};
}

void Desk::judge(const Topic& topic, const Message& message, Batch& batch) {
    // Clearing a retained request is no request.
    if (message.retained && message.payload.empty()) return;
    ++counters_.requests;
    Entry entry;
    entry.asker = topic.name;
    entry.verb = topic.rest;
    entry.correlation = message.correlation;
    entry.topic = topics_.mayAnswerOn(topic.name, message.responseTopic)
                      ? message.responseTopic
                      : topics_.response(topic.name, topic.rest);
    entry.received = world_.clock.unixMs();
    const auto refuse = [&](const Error& error) {
        entry.reply = errorReply(entry.id, error);
        batch.entries.push_back(std::move(entry));
    };

    if (message.retained) {
        ++counters_.retained;
        return refuse(
            {Code::retained, "a retained request is never run: it would run at every reconnect",
             "publish without the retain flag, and clear the topic with an empty retained message",
             ""});
    }
    if (auto may = mayAsk(topic, ""); !may) return refuse(may.error());
    if (auto within = withinRate(entry.asker); !within) return refuse(within.error());
    auto opened = openRequest(entry.verb, message.payload, world_.settings.requestBytes);
    if (!opened) return refuse(opened.error());
    entry.id = opened->id;
    if (auto may = mayAsk(topic, opened->action); !may) return refuse(may.error());
    if (wantsRollout(*opened)) {
        if (auto may = mayAsk({Topic::Kind::request, topic.name, "rollout"}, "start"); !may) {
            return refuse(may.error());
        }
    }
    if (entry.id) {
        entry.key = entry.asker + "/" + *entry.id;
        entry.digest = sha256Hex(message.payload);
        const auto repeated = isRepeated(entry, batch);
        if (!repeated) return refuse(repeated.error());
        if (*repeated) {
            ++counters_.repeated;
            batch.entries.push_back(std::move(entry));
            return;
        }
    }
    const bool late = message.expirySeconds && *message.expirySeconds == 0;
    if (late)
        return refuse(
            {Code::expired, "the request has expired", "send it again under a new id", ""});
    if (auto admitted = admit(entry, *opened, batch); !admitted) return refuse(admitted.error());
    batch.entries.push_back(std::move(entry));
}

Result<bool> Desk::isRepeated(Entry& entry, const Batch& batch) const {
    const auto conflict = [&] {
        return fail(Code::conflict, "the id " + *entry.id + " was used for another request",
                    "choose a new id for every new request", "/id");
    };
    if (const auto known = batch.known.find(entry.key); known != batch.known.end()) {
        const Entry& first = batch.entries[known->second];
        if (first.digest != entry.digest || first.verb != entry.verb) return conflict();
        entry.same = known->second;
        return true;
    }
    const auto record = world_.journal.get("request", entry.key);
    if (!record) return std::unexpected(record.error());
    if (!*record) return false;
    if ((**record).value("digest", "") != entry.digest ||
        (**record).value("verb", "") != entry.verb) {
        return conflict();
    }
    entry.reply = (**record).value("reply", Json::object());
    return true;
}

Status Desk::admit(Entry& entry, const Opened& opened, Batch& batch) {
    auto request = readRequest(opened, *schemas_);
    if (!request) return std::unexpected(request.error());
    const auto deadline = deadlineMs(opened.json);
    if (!deadline) return std::unexpected(deadline.error());
    if (*deadline && **deadline <= entry.received) {
        return fail(Code::expired, "the request's deadline has passed",
                    "send it again under a new id; check both clocks if it was in time",
                    "/deadline");
    }
    if (!isLong(*request)) {
        entry.held = changesSomething(*request);
        entry.request = std::move(*request);
    } else {
        if (auto good = fits(*request, batch.admitted); !good) return good;
        entry.job = makeJobId(entry.received, entry.key);
        entry.reply = acceptedReply(entry.id, entry.job);
        batch.writes.push_back(entry.record());
        const auto* replay = std::get_if<JobReplay>(&*request);
        batch.writes.push_back(
            replay ? jobs_.admitReplay(entry.job, entry.asker, opened.json, replay->job)
                   : jobs_.admit(entry.job, entry.verb, entry.asker, opened.json));
        ++batch.admitted;
    }
    if (entry.held || !entry.job.empty()) batch.known[entry.key] = batch.entries.size();
    return {};
}

Status Desk::fits(const Request& request, std::size_t admitted) {
    if (jobs_.unfinished() + admitted >= world_.settings.queuedJobs) {
        return fail(Code::busy,
                    "there are " + std::to_string(jobs_.unfinished() + admitted) +
                        " unfinished jobs already",
                    "send the same request again later");
    }
    const Context seen = context();
    Status good = std::visit(
        [&](const auto& typed) -> Status {
            if constexpr (requires { admissible(seen, typed); })
                return admissible(seen, typed);
            else
                return {};
        },
        request);
    if (!good || std::holds_alternative<RolloutStart>(request)) return good;
    return keeper_.room();
}

Json Desk::execute(const Request& request, const std::optional<std::string>& id) {
    const Context seen = context();
    const Result<Json> data = std::visit(
        [&](const auto& typed) -> Result<Json> {
            if constexpr (requires { answer(seen, typed); })
                return answer(seen, typed);
            else
                return fail(Code::internal, "a long request came to be answered at once",
                            "report this");
        },
        request);
    return data ? okReply(id, *data) : errorReply(id, data.error());
}

// The order is the guarantee: durable, then told, then begun.
void Desk::settle(Batch& batch) {
    Status durable;
    if (!batch.writes.empty()) durable = world_.journal.commit(batch.writes);
    std::vector<Write> changes;
    for (Entry& entry : batch.entries) {
        if (!entry.job.empty() && !durable) {
            entry.reply = errorReply(entry.id, durable.error());
            entry.job.clear();
        }
        if (entry.same) continue;
        if (entry.request) entry.reply = execute(*entry.request, entry.id);
        // A refusal changed nothing; what it was refused for may be mended under the same id.
        if (entry.held && entry.reply.value("status", "") == "ok") {
            changes.push_back(entry.record());
            continue;
        }
        entry.held = false;
        send(entry);
        if (!entry.job.empty()) {
            ++counters_.accepted;
            jobs_.start(entry.job);
        }
    }
    if (!changes.empty()) durable = world_.journal.commit(changes);
    for (Entry& entry : batch.entries) {
        if (entry.held) {
            if (!durable) entry.reply = errorReply(entry.id, durable.error());
            send(entry);
        }
    }
    for (Entry& entry : batch.entries) {
        if (!entry.same) continue;
        entry.reply = batch.entries[*entry.same].reply;
        send(entry);
    }
}

void Desk::send(const Entry& entry) {
    ++counters_.replies;
    if (const auto error = entry.reply.find("error"); error != entry.reply.end()) {
        ++counters_.errors[error->value("code", "internal")];
    }
    Publication publication{entry.topic, canonical(entry.reply)};
    publication.correlation = entry.correlation;
    world_.broker.publish(std::move(publication));
}

Context Desk::context() const {
    return {world_, jobs_, fleet_, [this] { return health(); }};
}

}  // namespace tinsmith
