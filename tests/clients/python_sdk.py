"""Drives `iamql mcp --sandbox` with the Python SDK, which checks every result against its output schema."""

import asyncio
import sys

from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.types import TextResourceContents

TOOLS = ["query", "describe", "explain", "preview_write"]


async def drive(session: ClientSession) -> None:
    """Uses everything that the server offers."""
    tools = (await session.list_tools()).tools
    assert [tool.name for tool in tools] == TOOLS, tools
    for tool in tools:
        assert tool.annotations.read_only_hint, tool
        assert tool.output_schema, tool

    told = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    result = await session.call_tool(
        "query",
        {
            "sql": "SELECT count(*) AS n FROM vw_api_keys WHERE age_days >= $days",
            "params": {"days": 0},
        },
        progress_callback=progress,
    )
    assert not result.is_error, result
    assert result.structured_content["rows"] == [{"n": 250}], result
    assert result.structured_content["requests"] == 3, result
    assert told and told == sorted(set(told)), told

    result = await session.call_tool("query", {"sql": "SELECT id FROM api_keys"})
    assert result.structured_content["truncated_by"] == "rows", result

    answers = await asyncio.gather(
        *(session.call_tool("query", {"sql": f"SELECT {n} AS n"}) for n in range(8))
    )
    rows = [answer.structured_content["rows"][0]["n"] for answer in answers]
    assert rows == list(range(8)), rows

    result = await session.call_tool("explain", {"sql": "SELECT id FROM api_keys LIMIT 5"})
    assert "page_size=5" in str(result.structured_content["plan"]), result
    for arguments in [{}, {"name": "vw_api_keys"}, {"sql": "SELECT $a + 1"}]:
        result = await session.call_tool("describe", arguments)
        assert not result.is_error, result

    delete = {"sql": "DELETE FROM api_keys WHERE spec.owner.id = $owner", "params": {"owner": "sa-k2ovqt"}}
    result = await session.call_tool("preview_write", delete)
    preview = result.structured_content
    assert preview["would_send"][0]["method"] == "DELETE", result
    assert preview["command"].startswith("iamql --sandbox --param owner=sa-k2ovqt -e "), result

    for sql in ["DELETE FROM api_keys", "SELECT 1; SELECT 2", "SELECT * FROM 'a.csv'", "SELEC"]:
        result = await session.call_tool("query", {"sql": sql})
        assert result.is_error, result
        assert result.content[0].text.startswith("error: "), result
        assert result.structured_content["error"]["message"], result

    for resource in (await session.list_resources()).resources:
        page = (await session.read_resource(resource.uri)).contents[0]
        assert isinstance(page, TextResourceContents) and page.text, resource
    prompts = (await session.list_prompts()).prompts
    assert [prompt.name for prompt in prompts] == ["access_review", "leaver", "rotation_plan"]
    prompt = await session.get_prompt("rotation_plan", {"days": "30"})
    assert '{"days":30}' in prompt.messages[0].content.text, prompt
    try:
        await session.get_prompt("leaver", {"owner": "x; y"})
    except MCPError as error:
        assert error.code == -32602, error
    else:
        raise AssertionError("an owner that is none is taken")


async def main(program: str) -> None:
    """Meets the server as a client of either lifecycle."""
    server = StdioServerParameters(command=program, args=["mcp", "--sandbox"])
    for version in ["2025-11-25", "2026-07-28"]:
        async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
            if version == "2025-11-25":
                met = await session.initialize()
            else:
                met = await session.discover()
            assert session.protocol_version == version, session.protocol_version
            assert "data" in met.instructions, met
            await drive(session)
        print(f"the Python SDK, protocol {version}: fine")


asyncio.run(main(sys.argv[1]))
