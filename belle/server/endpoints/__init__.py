"""What is asked of the server and how it is answered, one file for each of OpenAI's endpoints."""
