-- Takes what requests want from the counters that all replicas share: rates, parallel slots and budgets; each request
-- takes everything or nothing. One call carries many requests of one replica, and what it gives back.
--
-- What a replica holds (slots, money) is stated as a whole each time, never as a change: a call that was lost or came
-- twice, a flush, a restart leave nothing to repair. Only windows are counted up and down, in ticks, as
-- src/domain/limits/mod.rs describes them. The time is this server's alone, so replicas need not agree on one.
--
-- KEYS  1 who is alive; then windows, slots and accounts, in this order
-- ARGV  replica, number of the call, of the departed, of windows, of slots, of accounts, of returns, of claims; then
--       each replica that has departed: all its rows are stored, it holds nothing
--       for each slot:    held by this replica
--       for each account: period's beginning, generation, stored, unstored, held, 1 to replace what is known;
--                         2: only rows of somebody who is gone, when they were admitted and what is stored with them
--       for each return:  window (all places count from 1), minute tick (0: now; below zero: so many ago), requests, tokens,
--                         day tick (the same), tokens of the day; amounts below zero are given back
--       for each claim:   tokens (-1: only looks, and takes nothing), kind of cost (0 free, 1 at most, 2 open), amount,
--                         n, n x (window, requests, tokens, tokens of a day); -1: no such limit
--                         n, n x (slot, limit)
--                         n, n x (account, maximum)
-- Reply, all integers: 3 and nothing else if a later call of this replica came before this one, which then does nothing;
--       else 2 if this replica was unknown or taken for dead, 0 if not; when these counters began, microseconds; replicas
--       alive;
--       for each window: its minute tick, its day tick
--       for each account: period's beginning, generation, stored, what all replicas hold or have not stored
--       for each claim: 0, per window (requests, tokens, tokens of the day), per slot (used)
--                       or 1, n, n x (1 window or 2 slot, place, kind, used, milliseconds until there is room;
--                                     -1 when a request ends, -2 never)
--                       or 2, place of the account, why (1 held, 2 too large, 3 spent), spent, held by requests
--
-- Numbers are exact up to 2^53: nine million dollars in a period.

local MINUTE, DAY = 250, 300000          -- length of a tick, milliseconds
local MINUTES, DAYS = 240, 288           -- ticks in a span
local CHUNK = 20                         -- ticks that are read at a time: room mostly comes with the first of them
local ALIVE = 4000                       -- silence after which a replica's slots are free, milliseconds
local REMEMBERED = 3600000               -- and after which rows that it had not stored are given up
local TTL_WINDOW, TTL_DAY, TTL_SLOTS = 61000, 86800000, 120000

local at = 0
local function word() at = at + 1; return ARGV[at] end
local function number() at = at + 1; return tonumber(ARGV[at]) end
local function text(n) return string.format('%.0f', n) end

local me, call = word(), number()
local n_departed, n_windows, n_slots, n_accounts, n_returns, n_claims =
  number(), number(), number(), number(), number(), number()

local clock = redis.call('TIME')
local born = clock[1] * 1000000 + clock[2]
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

-- Who is alive -------------------------------------------------------------------------------------------------

-- Of each replica: when it was heard, and the number of its last call.
-- Under '@' stands when the counters began: whoever knows another moment knows that they were wiped.
local seen, alive = {}, 0
do
  local known = redis.call('HGETALL', KEYS[1])
  for i = 1, #known, 2 do
    if known[i] == '@' then
      born = tonumber(known[i + 1])
    else
      local last, before = known[i + 1]:match('^(%d+) (%d+)$')
      if known[i] == me and tonumber(before) >= call then return { 3 } end
      seen[known[i]] = tonumber(last)
    end
  end
  if #known == 0 then redis.call('HSET', KEYS[1], '@', text(born)) end
end
-- What a silent replica held others have deleted: it has to say it again.
local standing = (seen[me] == nil or now - seen[me] > ALIVE) and 2 or 0
seen[me] = now
redis.call('HSET', KEYS[1], me, text(now) .. ' ' .. text(call))
for _ = 1, n_departed do
  local replica = word()
  redis.call('HDEL', KEYS[1], replica)
  seen[replica] = nil
end
redis.call('PEXPIRE', KEYS[1], REMEMBERED * 2)
for replica, last in pairs(seen) do
  if now - last <= ALIVE then
    alive = alive + 1
  elseif now - last > REMEMBERED then
    redis.call('HDEL', KEYS[1], replica)
    seen[replica] = nil
  end
end
local function lives(replica)
  local last = seen[replica]
  return last ~= nil and now - last <= ALIVE
end

-- Windows ------------------------------------------------------------------------------------------------------

-- One row of ticks of a window: `prefix` and a tick name a field; `o`, `n` and the total are its oldest and newest
-- tick and its sum.
local function row(window, names, length, span, values, first)
  local newest, oldest = tonumber(values[first]), tonumber(values[first + 1])
  local tick = math.floor(now / length)
  local self = { names = names, length = length, span = span, key = window.key, sums = {}, added = {}, ticks = {} }
  for i = 1, #names do
    self.sums[i] = tonumber(values[first + 1 + i]) or 0
    self.added[i] = 0
  end
  self.tick = math.max(newest or tick, tick)
  self.newest = newest or self.tick
  self.oldest = oldest or self.tick
  return self
end

-- Forgets what has left the span.
local function advance(self)
  local last = self.tick - self.span - 1
  if self.oldest > last then return end
  local fields, n = {}, 0
  for tick = self.oldest, math.min(last, self.newest) do
    for i = 1, #self.names do n = n + 1; fields[n] = self.names[i] .. text(tick) end
  end
  -- Where all of it has left nothing needs to be subtracted.
  local everything = self.newest <= last
  local from = 1
  while from <= n do
    local to = math.min(from + 999, n)
    local part = { unpack(fields, from, to) }
    local values = everything and {} or redis.call('HMGET', self.key, unpack(part))
    for k = 1, #values do
      local value = tonumber(values[k])
      if value then
        local i = (from + k - 2) % #self.names + 1
        self.sums[i] = self.sums[i] - value
      end
    end
    redis.call('HDEL', self.key, unpack(part))
    from = to + 1
  end
  if everything then
    for i = 1, #self.names do self.sums[i] = 0 end
  end
  self.oldest = last + 1
  self.changed = true
end

local function add(self, i, amount)
  if amount == 0 then return end
  self.sums[i] = self.sums[i] + amount
  self.added[i] = self.added[i] + amount
  self.changed = true
end

-- What was counted so many ticks ago (below zero) by counters that were lost; at other ticks: now.
local function add_at(self, i, tick, amount)
  if amount == 0 then return end
  if tick >= 0 then return add(self, i, amount) end
  tick = math.max(self.tick + tick, self.tick - self.span)
  redis.call('HINCRBY', self.key, self.names[i] .. text(tick), text(amount))
  self.sums[i] = self.sums[i] + amount
  self.oldest = math.min(self.oldest, tick)
  self.changed = true
end

local function give_back(self, i, tick, amount)
  if amount == 0 or tick < self.oldest or tick > self.tick then return end
  local field = self.names[i] .. text(tick)
  local there = tonumber(redis.call('HGET', self.key, field)) or 0
  local back = math.min(amount, there)
  if back <= 0 then return end
  redis.call('HINCRBY', self.key, field, text(-back))
  self.sums[i] = self.sums[i] - back
  self.changed = true
end

-- What the tick at a place, of so many, has counted. Read once for all claims: what they add is only in the newest tick,
-- and in `added` until the end.
local function counted(self, i, place, count)
  local known = self.ticks[i] or {}
  self.ticks[i] = known
  if not known[place] then
    local fields = {}
    for k = place, math.min(place + CHUNK - 1, count) do
      fields[#fields + 1] = self.names[i] .. text(self.oldest + k - 1)
    end
    local values = redis.call('HMGET', self.key, unpack(fields))
    for k = 1, #fields do known[place + k - 1] = tonumber(values[k]) or 0 end
  end
  return known[place]
end

-- How long until `amount` fits under `limit`, milliseconds.
local function wait(self, i, amount, limit)
  if limit <= 0 then return -2 end
  local held, room = self.sums[i], limit - amount
  if held <= room then return 0 end
  local count = self.tick - self.oldest + 1
  for k = 1, count do
    local value = counted(self, i, k, count)
    if k == count then value = value + self.added[i] end
    held = held - value
    if held <= room then return (self.oldest + k + self.span) * self.length - now end
  end
  return (self.tick + 1 + self.span) * self.length - now
end

local function keep(self, fields)
  if not self.changed then return false end
  for i = 1, #self.names do
    if self.added[i] > 0 then
      redis.call('HINCRBY', self.key, self.names[i] .. text(self.tick), text(self.added[i]))
    end
    fields[#fields + 1] = self.names[i]
    fields[#fields + 1] = text(math.max(self.sums[i], 0))
  end
  return true
end

local windows = {}
for w = 1, n_windows do
  local window = { key = KEYS[1 + w] }
  local values = redis.call('HMGET', window.key, 'mn', 'mo', 'r', 't', 'dn', 'do', 'd')
  window.minute = row(window, { 'r', 't' }, MINUTE, MINUTES, values, 1)
  window.day = row(window, { 'd' }, DAY, DAYS, values, 5)
  advance(window.minute)
  advance(window.day)
  windows[w] = window
end

-- Slots --------------------------------------------------------------------------------------------------------

local slots = {}
for s = 1, n_slots do
  local slot = { key = KEYS[1 + n_windows + s], mine = number(), others = 0 }
  local known = redis.call('HGETALL', slot.key)
  for i = 1, #known, 2 do
    if known[i] == me then
      slot.was = tonumber(known[i + 1])
    elseif lives(known[i]) then
      slot.others = slot.others + tonumber(known[i + 1])
    else
      redis.call('HDEL', slot.key, known[i])
    end
  end
  slots[s] = slot
end

-- Accounts -----------------------------------------------------------------------------------------------------

local accounts = {}
for a = 1, n_accounts do
  local account = { key = KEYS[1 + n_windows + n_slots + a], others = 0 }
  local began, generation, stored, unstored, held, replace =
    number(), number(), number(), number(), number(), number()
  local fields = redis.call('HGETALL', account.key)
  local known = {}
  for i = 1, #fields, 2 do known[fields[i]] = fields[i + 1] end
  account.began, account.generation, account.stored =
    tonumber(known.b), tonumber(known.g) or 0, tonumber(known.s) or 0
  account.unstored, account.held, account.mine = unstored, held, stored + unstored
  if replace == 2 then
    account.inherits, account.unstored, account.held, account.mine = true, 0, 0, 0
    if account.began ~= nil and began >= account.began then account.stored = math.max(account.stored, stored) end
  elseif account.began == nil or began > account.began then
    -- A new period: what was held in the last one counts there.
    if account.began ~= nil then redis.call('DEL', account.key) end
    known = {}
    account.began, account.stored = began, stored
    account.generation = math.max(generation, account.generation)
  elseif began < account.began then
    account.unstored, account.held, account.mine = 0, 0, 0
  elseif replace == 1 then
    account.generation, account.stored = math.max(now, account.generation + 1), stored
  elseif generation >= account.generation then
    account.stored = math.max(account.stored, stored)
  else
    account.mine = 0
  end
  for name, value in pairs(known) do
    local kind, replica = name:sub(1, 2), name:sub(3)
    if (kind == 'r:' or kind == 'u:') and replica ~= me then
      if lives(replica) or (kind == 'u:' and seen[replica] ~= nil and seen[replica] >= 0) then
        account.others = account.others + tonumber(value)
      else
        redis.call('HDEL', account.key, name)
      end
    end
  end
  accounts[a] = account
end

-- What comes back ----------------------------------------------------------------------------------------------

for _ = 1, n_returns do
  local window, tick, requests, tokens, day_tick, day_tokens =
    windows[number()], number(), number(), number(), number(), number()
  if requests < 0 then give_back(window.minute, 1, tick, -requests) else add_at(window.minute, 1, tick, requests) end
  if tokens < 0 then give_back(window.minute, 2, tick, -tokens) else add_at(window.minute, 2, tick, tokens) end
  if day_tokens < 0 then give_back(window.day, 1, day_tick, -day_tokens) else add_at(window.day, 1, day_tick, day_tokens) end
end

-- Claims -------------------------------------------------------------------------------------------------------

local reply = {}
local function say(value) reply[#reply + 1] = value end

local function clamped(tokens, limit) return math.max(1, math.min(tokens, math.max(limit, 1))) end

local function in_the_way(claim)
  local found = {}
  local function note(what, place, kind, used, reset)
    for _, value in ipairs({ what, place, kind, used, reset }) do found[#found + 1] = value end
  end
  for place, take in ipairs(claim.windows) do
    local window = windows[take.at]
    local function look(self, i, kind, wanted, limit)
      if limit < 0 then return end
      local amount = clamped(wanted, limit)
      if limit == 0 or self.sums[i] > limit - amount then
        note(1, place - 1, kind, self.sums[i], wait(self, i, amount, limit))
      end
    end
    look(window.minute, 1, 0, 1, take.requests)
    look(window.minute, 2, 1, claim.tokens, take.tokens)
    look(window.day, 1, 2, claim.tokens, take.day)
  end
  for place, take in ipairs(claim.slots) do
    local slot = slots[take.at]
    local used = slot.others + slot.mine
    if used >= take.limit then
      note(2, place - 1, 3, used, take.limit == 0 and -2 or -1)
    end
  end
  return found
end

-- The account that is hardest in the way: its place, why, what is spent and what is held.
local function too_dear(claim)
  if claim.cost == 0 then return nil end
  local hardest
  for place, take in ipairs(claim.accounts) do
    local account = accounts[take.at]
    -- What somebody has told of as spent for certain; rows under way may be counted twice in the sum.
    local spent = math.max(account.stored, account.mine)
    local sum = account.stored + account.unstored + account.held + account.others
    local why
    if spent >= take.max then
      why = 3
    elseif claim.cost == 1 and spent + claim.amount > take.max then
      why = 2
    elseif claim.cost == 1 and sum + claim.amount > take.max or claim.cost == 2 and sum >= take.max then
      why = 1
    end
    if why and (not hardest or why > hardest[2]) then
      hardest = { place - 1, why, spent, math.max(sum - spent, 0) }
    end
  end
  return hardest
end

local function take(claim)
  for _, take in ipairs(claim.windows) do
    local window = windows[take.at]
    add(window.minute, 1, 1)
    add(window.minute, 2, take.tokens >= 0 and math.min(claim.tokens, take.tokens) or claim.tokens)
    if take.day >= 0 then add(window.day, 1, math.min(claim.tokens, take.day)) end
  end
  for _, take in ipairs(claim.slots) do slots[take.at].mine = slots[take.at].mine + 1 end
  for _, take in ipairs(claim.accounts) do
    accounts[take.at].held = accounts[take.at].held + claim.amount
  end
end

local answers = {}
for c = 1, n_claims do
  local claim = { tokens = number(), cost = number(), amount = number(), windows = {}, slots = {}, accounts = {} }
  for i = 1, number() do
    claim.windows[i] = { at = number(), requests = number(), tokens = number(), day = number() }
  end
  for i = 1, number() do claim.slots[i] = { at = number(), limit = number() } end
  for i = 1, number() do claim.accounts[i] = { at = number(), max = number() } end
  local answer = {}
  local looks = claim.tokens < 0
  local obstacles = looks and {} or in_the_way(claim)
  local dear = not looks and #obstacles == 0 and too_dear(claim)
  if #obstacles > 0 then
    answer = { 1, #obstacles / 5, unpack(obstacles) }
  elseif dear then
    answer = { 2, unpack(dear) }
  else
    if not looks then take(claim) end
    answer[1] = 0
    for _, take in ipairs(claim.windows) do
      local window = windows[take.at]
      answer[#answer + 1] = window.minute.sums[1]
      answer[#answer + 1] = window.minute.sums[2]
      answer[#answer + 1] = window.day.sums[1]
    end
    for _, take in ipairs(claim.slots) do answer[#answer + 1] = slots[take.at].others + slots[take.at].mine end
  end
  answers[c] = answer
end

-- Written back -------------------------------------------------------------------------------------------------

say(standing)
say(born)
say(alive)
for _, window in ipairs(windows) do
  local fields = {}
  if keep(window.minute, fields) then
    for _, value in ipairs({ 'mn', text(window.minute.tick), 'mo', text(window.minute.oldest) }) do
      fields[#fields + 1] = value
    end
  end
  if keep(window.day, fields) then
    for _, value in ipairs({ 'dn', text(window.day.tick), 'do', text(window.day.oldest) }) do
      fields[#fields + 1] = value
    end
  end
  if #fields > 0 then
    redis.call('HSET', window.key, unpack(fields))
    redis.call('PEXPIRE', window.key, window.day.sums[1] > 0 and TTL_DAY or TTL_WINDOW)
  end
  say(window.minute.tick)
  say(window.day.tick)
end
for _, slot in ipairs(slots) do
  if slot.mine > 0 then
    redis.call('HSET', slot.key, me, text(slot.mine))
    redis.call('PEXPIRE', slot.key, TTL_SLOTS)
  elseif slot.was then
    redis.call('HDEL', slot.key, me)
  end
end
for _, account in ipairs(accounts) do
  if account.inherits then
    if account.began ~= nil then redis.call('HSET', account.key, 's', text(account.stored)) end
  else
    redis.call('HSET', account.key, 'b', text(account.began), 'g', text(account.generation), 's',
      text(account.stored), 'r:' .. me, text(account.held), 'u:' .. me, text(account.unstored))
    redis.call('PEXPIRE', account.key, REMEMBERED)
  end
  say(account.began or 0)
  say(account.generation)
  say(account.stored)
  say(account.unstored + account.held + account.others)
end
for _, answer in ipairs(answers) do
  for _, value in ipairs(answer) do say(value) end
end
return reply
