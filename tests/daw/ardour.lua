-- Runs inside ardour7-lua: a track with the plugin, all its outputs as ports of JACK.
-- From the environment: SESSION, a folder; NAME, of the plugin; KIND, VST3 or LV2; READY, a file
-- that is written when the ports are there; STOP, a file whose presence ends it; REOPEN, "1" for a
-- session that is there already; RATE.
local function env(name) return os.getenv(name) or "" end
local function exists(path) local f = io.open(path); if f then f:close() end; return f ~= nil end

AudioEngine:set_backend("JACK", "ardour", "")
assert(AudioEngine:start() == 0, "no JACK")
if env("REOPEN") == "1" then
  s = load_session(env("SESSION"), "session")
else
  s = create_session(env("SESSION"), "session", tonumber(env("RATE")))
  local tracks = s:new_audio_track(2, 10, nil, 1, "music", ARDOUR.PresentationInfo.max_order,
                                   ARDOUR.TrackMode.Normal, true, false)
  for track in tracks:iter() do
    local plugin = ARDOUR.LuaAPI.new_plugin(s, env("NAME"), ARDOUR.PluginType[env("KIND")], "")
    assert(not plugin:isnil(), "no plugin")
    track:add_processor_by_index(plugin, 0, nil, true)
    track:monitoring_control():set_value(ARDOUR.MonitorChoice.MonitorInput,
                                         PBD.GroupControlDisposition.NoGroup)
    track:panner_shell():set_bypassed(true)
    if env("GAIN") ~= "" then
      ARDOUR.LuaAPI.set_processor_param(plugin, tonumber(env("INDEX")), tonumber(env("GAIN")))
    end
  end
end
assert(s, "no session")
local file = io.open(env("READY"), "w")
for route in s:get_routes():iter() do
  local i = 0
  while true do
    local processor = route:nth_plugin(i)
    if processor:isnil() then break end
    file:write(processor:name(), "\n")
    i = i + 1
  end
end
file:write("end\n")
file:close()
while not exists(env("STOP")) do ARDOUR.LuaAPI.usleep(50000) end
s:save_state("")
close_session()
quit()
