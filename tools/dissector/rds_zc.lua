-- SPDX-License-Identifier: GPL-2.0
--
-- rds_zc.lua - RDS over TCP for Wireshark and tshark: headers, flags, extension headers, congestion
-- maps; frames are put together from the segments that carry them. docs/protocol.md has the format.
--
--     tshark -X lua_script:rds_zc.lua -r FILE.pcap -Y rds_zc
--
-- or copy it into the folder that "About Wireshark" calls Personal Lua Plugins.

local HEADER = 48
local EXTENSIONS = 16
local MAX_PAYLOAD = 1048576
local MAP_BYTES = 8192
local PORT_PING = 0
local PORT_PROBE = 1

local rds = Proto("rds_zc", "Reliable Datagram Sockets over TCP")

local kinds = {
	[1] = "message", [2] = "ping", [3] = "pong", [4] = "handshake ping",
	[5] = "handshake pong", [6] = "congestion map", [7] = "acknowledgement",
}
local KIND = { MESSAGE = 1, PING = 2, PONG = 3, HELLO = 4, HELLO_BACK = 5, MAP = 6, ACK = 7 }

-- Data bytes of each extension header. Types from 16 on end the list for in-tree parsers.
local extensions = {
	[0] = { name = "end", length = 0 },
	[1] = { name = "version", length = 4 },
	[2] = { name = "RDMA", length = 4 },
	[3] = { name = "RDMA destination", length = 8 },
	[4] = { name = "RDMA bytes", length = 8 },
	[5] = { name = "number of paths", length = 2 },
	[6] = { name = "incarnation", length = 4 },
	[8] = { name = "lane by source port", length = 1 },
	[0x40] = { name = "rds_zc", length = 5 },
}
local PRIVATE = 16

local f = rds.fields
f.seq = ProtoField.uint64("rds_zc.seq", "Sequence number")
f.ack = ProtoField.uint64("rds_zc.ack", "Acknowledged")
f.len = ProtoField.uint32("rds_zc.len", "Payload length")
f.sport = ProtoField.uint16("rds_zc.sport", "Source port")
f.dport = ProtoField.uint16("rds_zc.dport", "Destination port")
f.port = ProtoField.uint16("rds_zc.port", "Port")
f.flags = ProtoField.uint8("rds_zc.flags", "Flags", base.HEX)
f.flag_map = ProtoField.bool("rds_zc.flags.map", "Congestion map", 8, nil, 0x01)
f.flag_ack = ProtoField.bool("rds_zc.flags.ack_required", "Acknowledgement required", 8, nil, 0x02)
f.flag_again = ProtoField.bool("rds_zc.flags.retransmitted", "Retransmitted", 8, nil, 0x04)
f.credit = ProtoField.uint8("rds_zc.credit", "Credit")
f.padding = ProtoField.bytes("rds_zc.padding", "Padding")
f.csum = ProtoField.uint16("rds_zc.csum", "Checksum", base.HEX)
f.ext = ProtoField.bytes("rds_zc.ext", "Extension headers")
f.ext_type = ProtoField.uint8("rds_zc.ext.type", "Type")
f.npaths = ProtoField.uint16("rds_zc.ext.npaths", "Paths")
f.incarnation = ProtoField.uint32("rds_zc.ext.incarnation", "Incarnation", base.HEX)
f.version = ProtoField.uint8("rds_zc.ext.version", "rds_zc version")
f.caps = ProtoField.uint32("rds_zc.ext.caps", "Capabilities", base.HEX)
f.cap_ack = ProtoField.bool("rds_zc.ext.caps.delivery_ack", "Delivery acknowledgements",
	32, nil, 0x1)
f.ext_data = ProtoField.bytes("rds_zc.ext.data", "Data")
f.kind = ProtoField.uint8("rds_zc.kind", "Kind", base.DEC, kinds)
f.payload = ProtoField.bytes("rds_zc.payload", "Payload")
f.wanted = ProtoField.uint32("rds_zc.wanted", "Bytes of the frame that begins here",
	base.DEC, nil, nil, "It goes on in later segments; 48 while its header does, too")
f.congested = ProtoField.uint32("rds_zc.map.congested", "Congested ports")
f.congested_port = ProtoField.uint16("rds_zc.map.port", "Congested port")

local e = {
	length = ProtoExpert.new("rds_zc.bad_length", "Payload over 1 MiB: no RDS, or not in step",
		expert.group.MALFORMED, expert.severity.ERROR),
	map = ProtoExpert.new("rds_zc.bad_map", "A congestion map has 8192 bytes",
		expert.group.MALFORMED, expert.severity.ERROR),
	ext = ProtoExpert.new("rds_zc.bad_ext", "An extension header passes the end of its space",
		expert.group.MALFORMED, expert.severity.WARN),
	again = ProtoExpert.new("rds_zc.again", "Sent again on a new connection",
		expert.group.SEQUENCE, expert.severity.NOTE),
}
rds.experts = { e.length, e.map, e.ext, e.again }

rds.prefs.port = Pref.uint("TCP port", 16385, "Port that RDS listens on (net.rds_zc.tcp_port)")

local function is_map(tvb)
	return tvb(24, 1):uint() == 0x01
end

local function kind_of(tvb)
	local sport, dport = tvb(20, 2):uint(), tvb(22, 2):uint()

	if is_map(tvb) then
		return KIND.MAP
	elseif sport == PORT_PING and dport == PORT_PING then
		return KIND.ACK
	elseif dport == PORT_PING then
		return sport == PORT_PROBE and KIND.HELLO or KIND.PING
	elseif sport == PORT_PING then
		return dport == PORT_PROBE and KIND.HELLO_BACK or KIND.PONG
	end
	return KIND.MESSAGE
end

local function add_flags(tvb, tree)
	local flags = tree:add(f.flags, tvb(24, 1))

	flags:add(f.flag_map, tvb(24, 1))
	flags:add(f.flag_ack, tvb(24, 1))
	flags:add(f.flag_again, tvb(24, 1))
end

-- The data of one extension header; returns words for the summary.
local function add_extension(kind, data, tree)
	if kind == 5 then
		tree:add(f.npaths, data)
		return "paths=" .. data:uint()
	elseif kind == 6 then
		tree:add(f.incarnation, data)
		return string.format("incarnation=%08x", data:uint())
	elseif kind == 8 then
		return "lane-by-port"
	elseif kind == 0x40 then
		tree:add(f.version, data(0, 1))
		tree:add(f.caps, data(1, 4)):add(f.cap_ack, data(1, 4))
		return string.format("rds_zc=%d caps=%x", data(0, 1):uint(), data(1, 4):uint())
	end
	tree:add(f.ext_data, data)
	return nil
end

-- [type][data]... until type 0 or the end of the space. Returns words for the summary.
local function add_extensions(tvb, tree)
	local space = tvb(HEADER - EXTENSIONS, EXTENSIONS)
	local branch = tree:add(f.ext, space)
	local words, at = {}, 0

	while at < EXTENSIONS do
		local kind = space(at, 1):uint()
		local known = extensions[kind]
		local length = known and known.length or 0

		if kind == 0 then
			break
		end
		-- What follows a private type that is not known cannot be read.
		if kind >= PRIVATE and not known then
			length = EXTENSIONS - at - 1
		end
		if at + 1 + length > EXTENSIONS then
			branch:add_proto_expert_info(e.ext)
			break
		end
		local item = branch:add(f.ext_type, space(at, 1))
		item:append_text(" (" .. (known and known.name or "unknown") .. ")")
		if length > 0 then
			words[#words + 1] = add_extension(kind, space(at + 1, length), item)
		end
		at = at + 1 + length
		if kind >= PRIVATE then
			break
		end
	end
	return table.concat(words, " ")
end

-- Bit p & 7 of byte p >> 3 is port p. Returns how many are set.
local function add_map(tvb, tree)
	local bytes = tvb:bytes()
	local count, listed = 0, {}

	for i = 0, bytes:len() - 1 do
		local byte = bytes:get_index(i)

		for bit = 0, 7 do
			if byte % 2 == 1 then
				count = count + 1
				listed[#listed + 1] = { i, i * 8 + bit }
			end
			byte = math.floor(byte / 2)
		end
	end
	local branch = tree:add(f.congested, tvb, count)
	for i = 1, math.min(#listed, 256) do
		branch:add(f.congested_port, tvb(listed[i][1], 1), listed[i][2])
	end
	return count
end

local function add_header(tvb, tree, kind)
	tree:add(f.kind, kind):set_generated()
	tree:add(f.seq, tvb(0, 8))
	tree:add(f.ack, tvb(8, 8))
	local length = tree:add(f.len, tvb(16, 4))
	if tvb(16, 4):uint() > MAX_PAYLOAD then
		length:add_proto_expert_info(e.length)
	end
	tree:add(f.sport, tvb(20, 2))
	tree:add(f.dport, tvb(22, 2))
	tree:add(f.port, tvb(20, 2)):set_hidden()
	tree:add(f.port, tvb(22, 2)):set_hidden()
	add_flags(tvb, tree)
	tree:add(f.credit, tvb(25, 1))
	tree:add(f.padding, tvb(26, 4))
	tree:add(f.csum, tvb(30, 2))
end

local function add_payload(tvb, tree, kind)
	local length = tvb:len() - HEADER

	if length == 0 then
		return nil
	end
	if kind ~= KIND.MAP then
		tree:add(f.payload, tvb(HEADER, length))
		return nil
	end
	if tvb(16, 4):uint() ~= MAP_BYTES then
		tree:add_proto_expert_info(e.map)
		return nil
	end
	if length < MAP_BYTES then
		return "cut by the capture"
	end
	return add_map(tvb(HEADER, length), tree) .. " congested"
end

local function show_info(pinfo, text)
	pinfo.cols.protocol = "RDS"
	local separator = pinfo.private.rds_zc_shown and "; " or ""
	pinfo.cols.info:append(separator .. text)
	pinfo.private.rds_zc_shown = "1"
end

-- What cannot be read of a capture with a limit.
local function add_cut(tvb, pinfo, root)
	root:add(rds, tvb()):append_text(", cut by the capture")
	show_info(pinfo, "cut by the capture")
	return tvb:len()
end

-- One whole frame, or what a capture with a limit has of it. Returns the bytes it took.
local function dissect_frame(tvb, pinfo, root)
	if tvb:len() < HEADER then
		return add_cut(tvb, pinfo, root)
	end
	local kind = kind_of(tvb)
	local tree = root:add(rds, tvb())
	local again = math.floor(tvb(24, 1):uint() / 4) % 2 == 1 and kind ~= KIND.MAP
	local words = {
		kinds[kind],
		tvb(20, 2):uint() .. " -> " .. tvb(22, 2):uint(),
		"seq=" .. tostring(tvb(0, 8):uint64()),
		"len=" .. tvb(16, 4):uint(),
	}

	if kind == KIND.ACK then
		words[#words + 1] = "ack=" .. tostring(tvb(8, 8):uint64())
	end
	add_header(tvb, tree, kind)
	local told = add_extensions(tvb, tree)
	if told ~= "" then
		words[#words + 1] = told
	end
	words[#words + 1] = add_payload(tvb, tree, kind)
	if again then
		words[#words + 1] = "again"
		tree:add_proto_expert_info(e.again)
	end
	tree:append_text(", " .. table.concat(words, " "))
	show_info(pinfo, table.concat(words, " "))
	return tvb:len()
end

-- A length that cannot be meant must not make Wireshark wait for a gigabyte.
local function frame_length(tvb, _, offset)
	if tvb:len() < offset + 20 then
		return HEADER
	end
	local length = tvb(offset + 16, 4):uint()

	return HEADER + (length <= MAX_PAYLOAD and length or 0)
end

-- What a capture with a limit has of a segment: nothing is put together there, so it may begin
-- within a frame, where no header is.
local function dissect_cut(tvb, pinfo, tree)
	local at = 0

	while at < tvb:len() do
		local rest = tvb:len() - at
		local length = math.min(frame_length(tvb, pinfo, at), rest)

		if rest >= 20 and tvb(at + 16, 4):uint() > MAX_PAYLOAD then
			add_cut(tvb(at):tvb(), pinfo, tree)
			return
		end
		dissect_frame(tvb(at, length):tvb(), pinfo, tree)
		at = at + length
	end
end

function rds.dissector(tvb, pinfo, tree)
	pinfo.cols.info = ""
	if tvb:len() < tvb:reported_len() then
		dissect_cut(tvb, pinfo, tree)
		return tvb:len()
	end
	dissect_tcp_pdus(tvb, tree, HEADER, frame_length, dissect_frame)
	if pinfo.desegment_len > 0 then
		local rest = tvb:len() - pinfo.desegment_offset
		local whole = rest < HEADER and HEADER or
			frame_length(tvb, pinfo, pinfo.desegment_offset)

		tree:add(f.wanted, whole):set_generated()
	end
	return tvb:len()
end

local bound

local function listen()
	local tcp = DissectorTable.get("tcp.port")

	if bound then
		tcp:remove(bound, rds)
	end
	bound = rds.prefs.port
	tcp:add(bound, rds)
end

rds.prefs_changed = listen
listen()
