"""The texts of the terminal, in English and Chinese. Error messages of other packages are in English."""

from __future__ import annotations

import os
from collections.abc import Mapping

_EN = {
    "loading": "Loading {title} … {percent} %",
    "prefill": "Reading the conversation … {percent} %",
    "prefill_left": "Reading the conversation … {percent} %, about {seconds} s left",
    "intro": "{title} · {parameters} · context {context} tokens · /help for help, Ctrl-D to quit",
    "starter": (
        "This is a very small English model for trying things out. For Chinese and for better answers there are the "
        "BELLE models: see “belle chat --help”."
    ),
    "safer_mode": (
        "llama.cpp crashed, probably because its extra kernels do not work on this processor; it is started again "
        "without them, which is slower."
    ),
    "fallback": "{option} {asked} is not possible here, so {taken} is used. {reason}",
    "fallback_head_size": "The attention heads of this model are not whole blocks of 32 values.",
    "fallback_no_cache": "This model has no KV cache that could be stored with fewer bits.",
    "fallback_flash_attention_off": "A quantized KV cache needs flash attention, which is off.",
    "fallback_no_flash_attention": "llama.cpp has no flash attention for models of this kind.",
    "fallback_no_gpu": "llama.cpp finds no GPU here that it can use.",
    "fallback_few_cores": "This computer has no more cores.",
    "fallback_draft_off": "Guessing is switched off.",
    "fallback_draft_gpu": "On a GPU, guesses could change the text.",
    "fallback_draft_attention": "With flash attention, guesses could change the text.",
    "fallback_draft_shared": "Where several requests are answered at once, nothing is guessed.",
    "fallback_draft_recurrent": "This model cannot take back what was guessed wrongly.",
    "fallback_draft_inexact": "llama.cpp computes batches of this model otherwise than single tokens.",
    "waiting_for_input": "(waiting for the text on standard input)",
    "stopped": "(stopped)",
    "length": "(cut at --max-tokens)",
    "context_full": "(the context is full: /new starts afresh)",
    "interrupt_hint": "(Ctrl-D or /quit ends the conversation)",
    "too_long": "The conversation has {prompt_tokens} tokens, the context holds {n_ctx}. Leave out the oldest turns?",
    "cut": "(without the oldest {count} messages)",
    "cut_middle": "(without {count} messages in the middle)",
    "kept": "Nothing was sent. Shorten the question, or start afresh with /new.",
    "no_template": "This model file contains no prompt template. Choose the one that it was trained with:",
    "template_broken": "Choose another prompt template for it:",
    "no_template_ask": "Number",
    "unknown_command": "There is no command {command}. /help lists them; // at the start sends a message with a slash.",
    "new": "A new conversation.",
    "system_set": "System prompt set.",
    "system_none": "There is no system prompt. /system TEXT sets one.",
    "system_off": "System prompt removed.",
    "nothing": "There is nothing yet.",
    "undone": "Took back: {question}",
    "stats": (
        "{prompt_tokens} prompt tokens, {reused_tokens} of them remembered · {completion_tokens} tokens answered · "
        "first after {ttft} s · {speed} tokens/s · context {used} of {n_ctx}"
    ),
    "guesses": "{accepted} of {drafted} guessed tokens were right.",
    "save_name": "Give the name of a file: /save FILE",
    "save_exists": "{path} exists. Replace it?",
    "saved": "Saved to {path}.",
    "yes_no": "[y/N]",
    "yes": "y",
    "continued": "Going on with “{title}” ({count} messages).",
    "summarised": "(a summary stands for them)",
    "not_shared": (
        "The conversation goes on here and is not lost: it is written there as soon as that is possible, or else at "
        "the end into a file of its own."
    ),
    "shared_again": "(the conversation is saved again)",
    "saved_elsewhere": "What could not be saved in the conversations is in {path}; “/load” brings it back.",
    "settings_not_saved": "The last changes to settings or summary could not be saved in the conversations.",
    "loaded": "Loaded {count} messages.",
    "attached": "{name}: {lines} line(s), for the next question",
    "attached_none": "No file goes with the next question. /file PATH attaches one.",
    "pictures_none": "No picture goes with the next question. /image PATH shows one.",
    "picture_read": "({name}: {width} × {height} pixels, seen at {read_width} × {read_height}; {tokens} tokens)",
    "copied": "Copied {count} characters.",
    "provisional": "(provisional: it is thought about now)",
    "scratchpad_none": "The scratchpad is empty. /scratchpad NAME = VALUE notes a fact.",
    "scratchpad_set": "(noted: {name} = {value})",
    "scratchpad_same": "(nothing has changed)",
    "scratchpad_removed": "Removed from the scratchpad: {name}",
    "scratchpad_unknown": "There is no {name} in the scratchpad. /scratchpad shows what there is.",
    "sent": "What the model has read (template: {template}):",
    "model": (
        "{title} · {parameters} · {quantization} · context {context} tokens · {device} · template {template}\n{path}"
    ),
    "help": (
        "/new, /clear    start a new conversation\n"
        "/system TEXT    set the system prompt; without TEXT show it, “/system off” removes it\n"
        "/model NAME     let another model answer; without NAME show which it is\n"
        "/file PATH      let a text file go with the next question; “/file” shows which do, “/file off” removes them\n"
        "/image PATH     let the next question be about a picture; “/image” shows which, “/image off” removes them\n"
        "/retry          answer the last question again\n"
        "/undo           take the last question and its answer back\n"
        "/copy           copy the last answer to the clipboard\n"
        "/set NAME VALUE temperature, top_k, top_p, min_p, repeat_penalty, seed, max_tokens, ctx (tokens),\n"
        "                thinking (on, off, auto), context (refuse, oldest, middle, summary); “/set” shows them\n"
        "/show           show what the model has really read\n"
        "/stats          figures of the last answer\n"
        "/scratchpad     with --strategy: show the noted facts; NAME = VALUE notes one, “NAME =” removes it\n"
        "/save FILE      save the conversation (Markdown, or JSON when FILE ends in .json)\n"
        "/load FILE      go on with a conversation that was saved as JSON\n"
        "/quit           end (also Ctrl-D)\n"
        "Tab completes. The arrow keys bring earlier questions back, Ctrl-R searches them.\n"
        "Pasted lines are one question. Alt-Enter (or Esc, Enter), or \\ at the end of a line, begins another line;\n"
        'so does Enter between """ and """.\n'
        "Ctrl-C stops an answer, twice it ends the program."
    ),
    "page_ready": "The page for “{set}” is at {address}\nIt answers this computer alone (Ctrl-C ends it).",
    "serve_new_token": "Token, shown only this once: {token}\nIt is kept in {path}.",
    "serve_token": "Clients show the token that is kept in {path}.",
    "serve_ready": "{title} answers as “{name}” at {address} (Ctrl-C ends it).",
    "serve_network": "Whoever reaches {host} and has the token can use it. The connection is not encrypted.",
    "serve_no_template": "It has no prompt template, so that it takes no conversations: choose one with --template.",
    "models_head_name": "NAME",
    "models_head_status": "STATUS",
    "models_head_size": "SIZE",
    "models_head_memory": "MEMORY",
    "models_head_license": "LICENCE",
    "models_head_languages": "LANGUAGES",
    "models_research": "(research only)",
    "models_status_installed": "installed",
    "models_status_missing": "file missing",
    "models_status_begun": "begun",
    "models_status_available": "available",
    "models_status_unsupported": "unusable",
    "models_license": "Licence: {license}. {note}",
    "models_takes": "{url}\nDownload about {download}, disk while installing about {disk}, afterwards about {result}.",
    "models_agree": "Do you accept this, and shall it be installed in {folder}?",
    "models_interrupted": "Interrupted. The same command goes on from here.",
    "models_stage_download": "Downloading",
    "models_stage_decrypt": "Decrypting",
    "models_stage_convert": "Converting",
    "models_stage_verify": "Verifying",
    "models_stage_copy": "Copying",
    "models_waiting": "Trying again in {seconds} s …",
    "models_of": "{done} of {total}",
    "models_left": "{time} left",
    "models_exactness": "Tensors: {counts}.",
    "models_already": "{title} is installed already: {path} ({size}).",
    "models_installed": "{title} is installed: {path} ({size}).",
    "models_try": "Talk to it with: belle chat --model {name}",
    "models_try_speech": "Write down a recording with: belle transcribe FILE --model {name}",
    "models_no_template": "The file contains no prompt template: “belle chat” asks for one, or see --template.",
    "models_imported": "{name}: {path}",
    "models_deletes": "To be deleted: {path}",
    "models_keeps": "Your file stays where it is: {path}",
    "models_remove": "Remove {name}?",
    "models_removed": "{name} is removed, and {size} are free again.",
}
_ZH = {
    "loading": "正在加载 {title}…… {percent}%",
    "prefill": "正在阅读对话…… {percent}%",
    "prefill_left": "正在阅读对话…… {percent}%，约剩 {seconds} 秒",
    "intro": "{title} · {parameters} · 上下文 {context} 词元 · 输入 /help 查看帮助，Ctrl-D 退出",
    "starter": (
        "这是一个供试用的小型英文模型，不擅长中文。想用中文、要更好的回答，请使用 BELLE 模型：见 “belle chat --help”。"
    ),
    "safer_mode": (
        "llama.cpp 崩溃，可能是它的附加计算内核在此处理器上无法工作；现在不用这些内核重新启动，速度会慢一些。"
    ),
    "fallback": "{option} {asked} 在此不可用，改用 {taken}。{reason}",
    "fallback_head_size": "此模型注意力头的大小不是 32 的整数倍。",
    "fallback_no_cache": "此模型没有可以用更少位数存储的 KV 缓存。",
    "fallback_flash_attention_off": "量化的 KV 缓存需要 Flash Attention，而它已关闭。",
    "fallback_no_flash_attention": "llama.cpp 不支持对这类模型使用 Flash Attention。",
    "fallback_no_gpu": "llama.cpp 在这台电脑上没有找到可用的 GPU。",
    "fallback_few_cores": "这台电脑没有更多的处理器核心。",
    "fallback_draft_off": "猜测已关闭。",
    "fallback_draft_gpu": "在 GPU 上，猜测可能改变文字。",
    "fallback_draft_attention": "使用 Flash Attention 时，猜测可能改变文字。",
    "fallback_draft_shared": "同时回答多个请求时不做猜测。",
    "fallback_draft_recurrent": "此模型无法撤回猜错的内容。",
    "fallback_draft_inexact": "llama.cpp 批量计算此模型的结果与逐个词元计算的结果不同。",
    "waiting_for_input": "（正在等待标准输入中的文字）",
    "stopped": "（已停止）",
    "length": "（已达到 --max-tokens 上限）",
    "context_full": "（上下文已满：用 /new 开始新对话）",
    "interrupt_hint": "（按 Ctrl-D 或输入 /quit 结束对话）",
    "too_long": "对话共 {prompt_tokens} 个词元，而上下文只能容纳 {n_ctx} 个。是否舍去最早的几轮？",
    "cut": "（已舍去最早的 {count} 条消息）",
    "cut_middle": "（已舍去中间的 {count} 条消息）",
    "kept": "没有发送。请缩短问题，或用 /new 开始新对话。",
    "no_template": "这个模型文件不含提示词模板，请选择训练它时所用的模板：",
    "template_broken": "请为它另选一个提示词模板：",
    "no_template_ask": "编号",
    "unknown_command": "没有 {command} 这个命令。/help 列出所有命令；以 // 开头可发送带斜杠的消息。",
    "new": "新对话。",
    "system_set": "已设置系统提示词。",
    "system_none": "尚无系统提示词。用 “/system 内容” 设置。",
    "system_off": "已移除系统提示词。",
    "nothing": "还没有内容。",
    "undone": "已撤回：{question}",
    "stats": (
        "提示 {prompt_tokens} 词元，其中 {reused_tokens} 个已在缓存中 · 回答 {completion_tokens} 词元 · "
        "首个词元 {ttft} 秒 · 每秒 {speed} 词元 · 上下文 {used} / {n_ctx}"
    ),
    "guesses": "猜测 {drafted} 个词元，其中 {accepted} 个正确。",
    "save_name": "请给出文件名：/save 文件",
    "save_exists": "{path} 已存在，是否替换？",
    "saved": "已保存到 {path}。",
    "yes_no": "[y/N]",
    "yes": "y",
    "continued": "继续“{title}”（{count} 条消息）。",
    "summarised": "（已用摘要代替）",
    "not_shared": "对话在这里继续，不会丢失：一旦可以写入就会保存到那里，否则在结束时保存为单独的文件。",
    "shared_again": "（对话已重新保存）",
    "saved_elsewhere": "未能存入对话库的内容保存在 {path}；用 “/load” 可以取回。",
    "settings_not_saved": "最近对设置或摘要的更改未能保存到对话库。",
    "loaded": "已载入 {count} 条消息。",
    "attached": "{name}：{lines} 行，将随下一个问题发送。",
    "attached_none": "下一个问题不附带文件。用 “/file 路径” 添加。",
    "pictures_none": "下一个问题不附带图片。用 “/image 路径” 添加。",
    "picture_read": "（{name}：{width} × {height} 像素，以 {read_width} × {read_height} 查看；{tokens} 个词元）",
    "copied": "已复制 {count} 个字符。",
    "provisional": "（暂时的回答：正在仔细思考）",
    "scratchpad_none": "便笺是空的。用 “/scratchpad 名称 = 内容” 记下一条事实。",
    "scratchpad_set": "（已记下：{name} = {value}）",
    "scratchpad_same": "（没有变化）",
    "scratchpad_removed": "已从便笺中删除：{name}",
    "scratchpad_unknown": "便笺中没有 {name}。/scratchpad 显示全部。",
    "sent": "模型实际读到的内容（模板：{template}）：",
    "model": "{title} · {parameters} · {quantization} · 上下文 {context} 词元 · {device} · 模板 {template}\n{path}",
    "help": (
        "/new、/clear    开始新对话\n"
        "/system 内容    设置系统提示词；不带内容则显示，“/system off” 移除\n"
        "/model 名称     换一个模型来回答；不带名称则显示当前模型\n"
        "/file 路径      让一个文本文件随下一个问题发送；不带路径则显示已附文件，“/file off” 移除\n"
        "/image 路径     让下一个问题针对一张图片；不带路径则显示已选图片，“/image off” 移除\n"
        "/retry          重新回答上一个问题\n"
        "/undo           撤回上一个问题及其回答\n"
        "/copy           把上一个回答复制到剪贴板\n"
        "/set 名称 值    temperature、top_k、top_p、min_p、repeat_penalty、seed、max_tokens、ctx（词元数）、\n"
        "                thinking（on、off、auto）、context（refuse、oldest、middle、summary）；“/set” 显示全部\n"
        "/show           显示模型实际读到的内容\n"
        "/stats          上一个回答的统计\n"
        "/scratchpad     使用 --strategy 时：显示记下的事实；“名称 = 内容” 记下一条，“名称 =” 删除\n"
        "/save 文件      保存对话（Markdown；文件名以 .json 结尾则为 JSON）\n"
        "/load 文件      继续一个以 JSON 保存的对话\n"
        "/quit           结束（也可按 Ctrl-D）\n"
        "Tab 键补全。方向键可找回以前的问题，Ctrl-R 可搜索。粘贴的多行算作一个问题。\n"
        '按 Alt-Enter（或先 Esc 再 Enter）或在行尾加 \\ 可换行；在 """ 与 """ 之间按 Enter 也是换行。\n'
        "Ctrl-C 停止当前回答，连按两次结束程序。"
    ),
    "page_ready": "“{set}” 的评分页：{address}\n仅限本机访问（按 Ctrl-C 结束）。",
    "serve_new_token": "令牌（仅显示这一次）：{token}\n已保存在 {path}。",
    "serve_token": "客户端须出示保存在 {path} 中的令牌。",
    "serve_ready": "{title} 已就绪，模型名 “{name}”，地址 {address}（按 Ctrl-C 结束）。",
    "serve_network": "能连到 {host} 且持有令牌的人都可使用。连接未加密。",
    "serve_no_template": "该模型没有提示词模板，因此不接受对话：请用 --template 选择一个。",
    "models_head_name": "名称",
    "models_head_status": "状态",
    "models_head_size": "大小",
    "models_head_memory": "内存",
    "models_head_license": "许可证",
    "models_head_languages": "语言",
    "models_research": "（仅供研究）",
    "models_status_installed": "已安装",
    "models_status_missing": "文件缺失",
    "models_status_begun": "未完成",
    "models_status_available": "可安装",
    "models_status_unsupported": "不可用",
    "models_license": "许可证：{license}。{note}",
    "models_takes": "{url}\n下载约 {download}，安装过程占用磁盘约 {disk}，完成后约 {result}。",
    "models_agree": "是否接受以上条款，并安装到 {folder}？",
    "models_interrupted": "已中断。再次运行同一命令即可继续。",
    "models_stage_download": "正在下载",
    "models_stage_decrypt": "正在解密",
    "models_stage_convert": "正在转换",
    "models_stage_verify": "正在校验",
    "models_stage_copy": "正在复制",
    "models_waiting": "{seconds} 秒后重试……",
    "models_of": "{done} / {total}",
    "models_left": "剩余 {time}",
    "models_exactness": "张量：{counts}。",
    "models_already": "{title} 已经安装：{path}（{size}）。",
    "models_installed": "{title} 安装完成：{path}（{size}）。",
    "models_try": "开始对话：belle chat --model {name}",
    "models_try_speech": "转写录音：belle transcribe 文件 --model {name}",
    "models_no_template": "该文件不含提示词模板；“belle chat” 会询问，也可用 --template 指定。",
    "models_imported": "{name}：{path}",
    "models_deletes": "将删除：{path}",
    "models_keeps": "您的文件保留在原处：{path}",
    "models_remove": "是否移除 {name}？",
    "models_removed": "已移除 {name}，释放 {size}。",
}


def is_chinese(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the locale is Chinese. The first variable that is set decides, as in the C library."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environ.get(name):
            return environ[name].casefold().startswith("zh")
    return False


def say(key: str, **values: object) -> str:
    """The text for `key`, in the language of the locale."""
    return (_ZH if is_chinese() else _EN)[key].format(**values)
